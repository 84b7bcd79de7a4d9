import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import { eventually, startCluster, type TestCluster } from './support/cluster.ts'

const examples = new URL('../examples/', import.meta.url).pathname

// The promise: kubectl get, describe, apply, delete, scale, logs and wait work as they do on any cluster.
suite('The real kubectl', () => {
  let cluster: TestCluster
  before(() => {
    cluster = startCluster('work')
  })
  after(() => cluster[Symbol.dispose]())
  const kubectl = (...args: string[]) => {
    const result = cluster.kubectl(args)
    assert.equal(result.status, 0, `kubectl ${args.join(' ')}: ${result.stderr}`)
    return result.stdout
  }

  test('applies the examples, and applying them again changes nothing', () => {
    kubectl('apply', '-f', examples)
    kubectl('wait', '--for=condition=Available', 'deployment', '--all', '--timeout=180s')
    const again = kubectl('apply', '-f', examples)
    assert.deepEqual(
      again
        .trim()
        .split('\n')
        .filter((line) => !line.endsWith('unchanged')),
      [],
    )
  })

  test('spreads a deployment over the nodes', () => {
    const nodes = kubectl(
      'get',
      'pods',
      '-l',
      'name=app1',
      '-o',
      'jsonpath={.items[*].spec.nodeName}',
    ).split(' ')
    assert.deepEqual(nodes.sort(), ['node1', 'node2', 'node3'])
  })

  test("gets with upstream's columns", () => {
    assert.match(
      kubectl('get', 'service', 'app1'),
      /^NAME +TYPE +CLUSTER-IP +EXTERNAL-IP +PORT\(S\) +AGE\napp1 +NodePort +10\.96\.\d+\.\d+ +<none> +8080:30062\/TCP +\S+\n$/,
    )
    assert.match(
      kubectl('get', 'deployment', 'app1'),
      /^NAME +READY +UP-TO-DATE +AVAILABLE +AGE\napp1 +3\/3 +3 +3 +\S+\n$/,
    )
    assert.match(
      kubectl('get', 'pod', 'client', '-o', 'wide'),
      /^NAME +READY +STATUS +RESTARTS +AGE +IP +NODE +NOMINATED NODE +READINESS GATES\nclient +2\/2 +Running +0 +\S+ +10\.244\.\d+\.\d+ +node\d +<none> +<none>\n$/,
    )
    assert.match(
      kubectl('get', 'nodes'),
      /^NAME +STATUS +ROLES +AGE +VERSION\nnode1 +Ready +<none> +\S+ +v1\.36\.0\S*\n/,
    )
  })

  test('describes', () => {
    assert.match(kubectl('describe', 'service', 'app1'), /Endpoints: +10\.244\.\d+\.\d+:8080/)
    assert.match(kubectl('describe', 'pod', 'client'), /Started\s+.*Started container/)
    assert.match(
      kubectl('describe', 'deployment', 'app1'),
      /Replicas: +3 desired \| 3 updated \| 3 total \| 3 available \| 0 unavailable/,
    )
    assert.match(kubectl('describe', 'ingress', 'app1'), /app1\.example\.com/)
    assert.match(kubectl('describe', 'node', 'node1'), /PodCIDR: +10\.244\./)
  })

  test('scales, and the endpoints follow', async () => {
    kubectl('scale', 'deployment', 'app1', '--replicas=5')
    kubectl('rollout', 'status', 'deployment/app1', '--timeout=180s')
    const addresses = () =>
      kubectl(
        'get',
        'endpointslices',
        '-l',
        'kubernetes.io/service-name=app1',
        '-o',
        'jsonpath={.items[*].endpoints[?(@.conditions.ready==true)].addresses[0]}',
      )
        .trim()
        .split(' ')
    await eventually('five endpoints are ready', () => addresses().length === 5)
    kubectl('scale', 'deployment', 'app1', '--replicas=3')
    await eventually('three are left', () => addresses().length === 3)
  })

  test('logs', async () => {
    cluster.exec('outside', ['curl', '-sS', '--max-time', '5', 'http://172.30.0.11:30062/'])
    // A pod of the test before may go between kubectl's list and its question.
    await eventually('the logs tell of the request', () =>
      /GET \//.test(cluster.kubectl(['logs', '-l', 'name=app1', '--tail=20']).stdout),
    )
    assert.match(cluster.kubectl(['logs', 'no-such-pod']).stderr, /pods "no-such-pod" not found/)
  })

  test('deletes, and what was owned goes too', async () => {
    // The endpoints of a Service go with it (endpoints controller): kubectl may come too late for them.
    kubectl('delete', '-f', examples, '--ignore-not-found', '--timeout=180s')
    await eventually(
      'all pods are gone',
      () =>
        kubectl('get', 'pods,replicasets,endpointslices', '-o', 'name').trim() ===
        'endpointslice.discovery.k8s.io/kubernetes',
    )
  })

  test('deletes a namespace with all that is in it', () => {
    const manifests = [
      { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'gone' } },
      {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: 'settings', namespace: 'gone' },
        data: { key: 'value' },
      },
    ]
    const applied = cluster.kubectl(
      ['apply', '-f', '-'],
      manifests.map((manifest) => `---\n${JSON.stringify(manifest)}\n`).join(''),
    )
    assert.equal(applied.status, 0, applied.stderr)
    kubectl('delete', 'namespace', 'gone', '--timeout=180s')
    assert.match(
      cluster.kubectl(['get', 'configmap', '-n', 'gone']).stderr,
      /No resources found in gone namespace/,
    )
  })
})
