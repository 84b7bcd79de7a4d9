import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import { eventually, startCluster, type TestCluster } from './support/cluster.ts'

const manifest = (...items: readonly object[]) =>
  JSON.stringify({ kind: 'List', apiVersion: 'v1', items })

const pod = (name: string, spec: object = {}, resources: object = {}) => ({
  kind: 'Pod',
  apiVersion: 'v1',
  metadata: { name, labels: { app: name } },
  spec: { containers: [{ name: 'c1', image: 'fairlead.dev/tools', resources }], ...spec },
})

const claim = (name: string, storage: string) => ({
  kind: 'PersistentVolumeClaim',
  apiVersion: 'v1',
  metadata: { name },
  spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage } } },
})

const limits = {
  kind: 'LimitRange',
  apiVersion: 'v1',
  metadata: { name: 'range' },
  spec: {
    limits: [
      {
        type: 'Container',
        default: { cpu: '200m' },
        defaultRequest: { cpu: '100m' },
        max: { cpu: '1' },
      },
      { type: 'PersistentVolumeClaim', min: { storage: '1Gi' }, max: { storage: '2Gi' } },
    ],
  },
}

// The promise: what a namespace may have is kept, and said in Kubernetes' words, with the real kubectl.
suite('Quotas and limits', () => {
  let cluster: TestCluster
  before(() => {
    cluster = startCluster('quota')
  })
  after(() => cluster[Symbol.dispose]())
  const run = (args: readonly string[], input?: string) => cluster.kubectl(args, input)
  const kubectl = (...args: string[]) => {
    const { status, stdout, stderr } = run(args)
    assert.equal(status, 0, `kubectl ${args.join(' ')}: ${stderr}`)
    return stdout
  }
  const refused = (args: readonly string[], input?: string) => {
    const { status, stderr } = run(args, input)
    assert.equal(status, 1, stderr)
    return stderr
  }
  const usedOf = (namespace: string, key: string) =>
    kubectl('get', 'quota', '-n', namespace, '-o', `jsonpath={.items[0].status.used.${key}}`)

  test('a quota counts what there is, refuses what is more, and frees what goes', async () => {
    kubectl('create', 'namespace', 'few')
    kubectl(
      'create',
      'quota',
      'few',
      '-n',
      'few',
      '--hard=configmaps=3,services.nodeports=1,pods=1',
    )
    // kube-root-ca.crt is there already.
    await eventually('the quota is counted', () => usedOf('few', 'configmaps') === '1')
    kubectl('create', 'configmap', 'a', '-n', 'few', '--from-literal=a=b')
    kubectl('create', 'configmap', 'b', '-n', 'few', '--dry-run=server')
    assert.equal(usedOf('few', 'configmaps'), '2')
    kubectl('create', 'configmap', 'b', '-n', 'few')
    assert.equal(
      refused(['create', 'configmap', 'c', '-n', 'few']),
      'error: failed to create configmap: configmaps "c" is forbidden: exceeded quota: few, requested: configmaps=1, used: configmaps=3, limited: configmaps=3\n',
    )
    kubectl('delete', 'configmap', 'b', '-n', 'few')
    kubectl('create', 'configmap', 'c', '-n', 'few')
    assert.match(
      kubectl('get', 'quota', '-n', 'few'),
      /^NAME +REQUEST +LIMIT +AGE\nfew +configmaps: 3\/3, pods: 0\/1, services.nodeports: 0\/1 + \S+\n$/,
    )
    assert.match(
      kubectl('describe', 'quota', 'few', '-n', 'few'),
      /^Name: +few\nNamespace: +few\nResource +Used +Hard\n-+ +-+ +-+\nconfigmaps +3 +3\npods +0 +1\nservices.nodeports +0 +1\n$/,
    )
    assert.match(
      kubectl('describe', 'namespace', 'few'),
      /Resource Quotas\n +Name: +few\n +Resource +Used +Hard\n[\s\S]*configmaps +3 +3\n[\s\S]*No LimitRange resource\.\n$/,
    )
  })

  test('a ReplicaSet says what a quota forbids it, and goes on when there is room', async () => {
    kubectl('create', 'deployment', 'web', '-n', 'few', '--image=fairlead.dev/echo', '--replicas=2')
    await eventually('the ReplicaSet is refused', () =>
      /exceeded quota: few, requested: pods=1, used: pods=1, limited: pods=1/.test(
        kubectl('get', 'events', '-n', 'few', '--field-selector=reason=FailedCreate'),
      ),
    )
    kubectl('patch', 'quota', 'few', '-n', 'few', '-p', '{"spec":{"hard":{"pods":"2"}}}')
    kubectl('rollout', 'status', 'deployment/web', '-n', 'few', '--timeout=180s')
    assert.equal(usedOf('few', 'pods'), '2')
    kubectl('delete', 'deployment', 'web', '-n', 'few', '--wait')
    await eventually('the pods are free again', () => usedOf('few', 'pods') === '0')
  })

  test('many at once never are more than there may be', async () => {
    kubectl('create', 'namespace', 'many')
    kubectl('create', 'quota', 'many', '-n', 'many', '--hard=secrets=5')
    await eventually('the quota is counted', () => usedOf('many', 'secrets') === '0')
    const secrets = Array.from({ length: 20 }, (_, i) => ({
      kind: 'Secret',
      apiVersion: 'v1',
      metadata: { name: `s${i}` },
    }))
    const { status } = run(['create', '-n', 'many', '-f', '-'], manifest(...secrets))
    assert.equal(status, 1)
    assert.equal(kubectl('get', 'secrets', '-n', 'many', '-o', 'name').trim().split('\n').length, 5)
    assert.equal(usedOf('many', 'secrets'), '5')
  })

  test('containers must say what a quota bounds, unless a LimitRange says it for them', async () => {
    kubectl('create', 'namespace', 'bound')
    kubectl('create', 'quota', 'x', '-n', 'bound', '--hard=cpu=150m')
    await eventually('the quota is counted', () => usedOf('bound', 'cpu') === '0')
    const create = ['create', '-n', 'bound', '-f', '-']
    assert.equal(
      refused(create, manifest(pod('web'))),
      'Error from server (Forbidden): error when creating "STDIN": pods "web" is forbidden: failed quota: x: must specify cpu for: c1\n',
    )
    assert.equal(run(create, manifest(limits)).status, 0)
    assert.equal(run(create, manifest(pod('web'))).status, 0)
    assert.equal(usedOf('bound', 'cpu'), '100m')
    assert.match(
      kubectl('get', 'pod', 'web', '-n', 'bound', '-o', 'jsonpath={.metadata.annotations}'),
      /LimitRanger plugin set: cpu request for container c1; cpu limit for container c1/,
    )
    assert.match(
      refused(create, manifest(pod('next'))),
      /exceeded quota: x, requested: cpu=100m, used: cpu=100m, limited: cpu=150m\n$/,
    )
    assert.match(
      refused(create, manifest(pod('great', {}, { limits: { cpu: '2' } }))),
      /pods "great" is forbidden: maximum cpu usage per Container is 1, but limit is 2\n$/,
    )
    assert.match(
      refused(create, manifest(claim('great', '3Gi'))),
      /persistentvolumeclaims "great" is forbidden: maximum storage usage per PersistentVolumeClaim is 2Gi, but request is 3Gi\n$/,
    )
    assert.match(
      kubectl('describe', 'namespace', 'bound'),
      /Resource Limits\n +Type +Resource +Min +Max +Default Request +Default Limit +Max Limit\/Request Ratio\n[\s\S]*Container +cpu +- +1 +100m +200m +-\n/,
    )
  })

  test('the scheduler says why, and keeps pods together and apart', async () => {
    const hostname = { topologyKey: 'kubernetes.io/hostname' }
    const term = (app: string) => ({ ...hostname, labelSelector: { matchLabels: { app } } })
    const affinity = (kind: string, app: string) => ({
      affinity: { [kind]: { requiredDuringSchedulingIgnoredDuringExecution: [term(app)] } },
    })
    const pods = [
      pod('first'),
      pod('near', affinity('podAffinity', 'first')),
      pod('apart', affinity('podAntiAffinity', 'first')),
      pod('huge', {}, { requests: { cpu: '1k' } }),
    ]
    assert.equal(run(['create', '-f', '-'], manifest(...pods)).status, 0)
    kubectl('wait', '--for=condition=Ready', 'pod/first', 'pod/near', 'pod/apart', '--timeout=180s')
    const nodeOf = (name: string) => kubectl('get', 'pod', name, '-o', 'jsonpath={.spec.nodeName}')
    assert.equal(nodeOf('near'), nodeOf('first'))
    assert.notEqual(nodeOf('apart'), nodeOf('first'))
    await eventually('the huge pod is refused', () =>
      /0\/(\d+) nodes are available: \1 Insufficient cpu\. preemption: 0\/\1 nodes are available: \1 Preemption is not helpful for scheduling\./.test(
        kubectl('describe', 'pod', 'huge'),
      ),
    )
  })

  test('kubectl get cs tells what works, and that it is deprecated', () => {
    const { stdout, stderr } = run(['get', 'cs'])
    assert.equal(stderr, 'Warning: v1 ComponentStatus is deprecated in v1.19+\n')
    assert.match(
      stdout,
      /^NAME +STATUS +MESSAGE +ERROR\nscheduler +Healthy +ok +\ncontroller-manager +Healthy +ok +\nsqlite +Healthy +ok +\n$/,
    )
  })
})
