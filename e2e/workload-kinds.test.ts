import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import { eventually, startCluster, type TestCluster } from './support/cluster.ts'

const manifest = (objects: readonly object[]) =>
  JSON.stringify({ kind: 'List', apiVersion: 'v1', items: objects })

const tools = (name: string, command: readonly string[] = []) => ({
  name,
  image: 'fairlead.dev/tools',
  ...(command.length > 0 ? { command } : {}),
})
const template = (app: string, spec: object) => ({ metadata: { labels: { app } }, spec })
const selector = (app: string) => ({ matchLabels: { app } })

const database = [
  {
    kind: 'Service',
    apiVersion: 'v1',
    metadata: { name: 'db' },
    spec: { clusterIP: 'None', selector: { app: 'db' }, ports: [{ name: 'http', port: 8080 }] },
  },
  {
    kind: 'StatefulSet',
    apiVersion: 'apps/v1',
    metadata: { name: 'db' },
    spec: {
      serviceName: 'db',
      replicas: 2,
      selector: selector('db'),
      template: template('db', { containers: [tools('c')] }),
    },
  },
]

const agent = {
  kind: 'DaemonSet',
  apiVersion: 'apps/v1',
  metadata: { name: 'agent' },
  spec: { selector: selector('agent'), template: template('agent', { containers: [tools('c')] }) },
}

const sums = {
  kind: 'Job',
  apiVersion: 'batch/v1',
  metadata: { name: 'sums' },
  spec: {
    completions: 3,
    parallelism: 2,
    completionMode: 'Indexed',
    template: {
      spec: {
        restartPolicy: 'Never',
        containers: [tools('c', ['sh', '-c', 'echo "index $JOB_COMPLETION_INDEX"'])],
      },
    },
  },
}

const tick = {
  kind: 'CronJob',
  apiVersion: 'batch/v1',
  metadata: { name: 'tick' },
  spec: {
    schedule: '* * * * *',
    timeZone: 'Europe/Berlin',
    jobTemplate: {
      spec: { template: { spec: { restartPolicy: 'Never', containers: [tools('c', ['true'])] } } },
    },
  },
}

const old = {
  kind: 'ReplicationController',
  apiVersion: 'v1',
  metadata: { name: 'old' },
  spec: { replicas: 2, template: template('old', { containers: [tools('c')] }) },
}

// The promise: the kinds of workloads do what their names say, with the real kubectl.
suite('Workloads', () => {
  let cluster: TestCluster
  before(() => {
    cluster = startCluster('kinds')
    const all = manifest([...database, agent, sums, tick, old])
    const { status, stderr } = cluster.kubectl(['apply', '-f', '-'], all)
    assert.equal(status, 0, stderr)
  })
  after(() => cluster[Symbol.dispose]())
  const kubectl = (...args: string[]) => {
    const result = cluster.kubectl(args)
    assert.equal(result.status, 0, `kubectl ${args.join(' ')}: ${result.stderr}`)
    return result.stdout
  }
  const names = (app: string) =>
    kubectl('get', 'pods', '-l', `app=${app}`, '-o', 'jsonpath={.items[*].metadata.name}')

  test('a StatefulSet has numbered pods, whose names DNS knows', async () => {
    kubectl('rollout', 'status', 'statefulset/db', '--timeout=180s')
    assert.equal(names('db'), 'db-0 db-1')
    assert.match(kubectl('get', 'statefulset', 'db'), /^NAME +READY +AGE\ndb +2\/2 +\S+\n$/)
    const address = kubectl('get', 'pod', 'db-1', '-o', 'jsonpath={.status.podIP}')
    await eventually('db-0 resolves db-1', () =>
      cluster
        .exec('pod/default/db-0', ['getent', 'hosts', 'db-1.db.default.svc.cluster.local'])
        .stdout.startsWith(`${address} `),
    )
    const identity = 'jsonpath={.spec.hostname}.{.spec.subdomain}'
    assert.equal(kubectl('get', 'pod', 'db-0', '-o', identity), 'db-0.db')
  })

  test('it is rolled from its end, and back', () => {
    kubectl('set', 'image', 'statefulset/db', 'c=fairlead.dev/tools:2')
    kubectl('rollout', 'status', 'statefulset/db', '--timeout=180s')
    const image = () => kubectl('get', 'pod', 'db-0', '-o', 'jsonpath={.spec.containers[0].image}')
    assert.equal(image(), 'fairlead.dev/tools:2')
    assert.match(kubectl('rollout', 'history', 'statefulset/db'), /REVISION.*\n1 .*\n2 /)
    kubectl('rollout', 'undo', 'statefulset/db')
    kubectl('rollout', 'status', 'statefulset/db', '--timeout=180s')
    assert.equal(image(), 'fairlead.dev/tools')
  })

  test('a DaemonSet has a pod on each node, and is rolled', () => {
    kubectl('rollout', 'status', 'daemonset/agent', '--timeout=180s')
    const nodes = kubectl(
      'get',
      'pods',
      '-l',
      'app=agent',
      '-o',
      'jsonpath={.items[*].spec.nodeName}',
    )
    assert.deepEqual(nodes.split(' ').sort(), ['node1', 'node2', 'node3'])
    assert.match(
      kubectl('get', 'daemonset', 'agent'),
      /^NAME +DESIRED +CURRENT +READY +UP-TO-DATE +AVAILABLE +NODE SELECTOR +AGE\nagent +3 +3 +3 +3 +3 +<none> +\S+\n$/,
    )
    kubectl('rollout', 'restart', 'daemonset/agent')
    kubectl('rollout', 'status', 'daemonset/agent', '--timeout=180s')
    assert.match(kubectl('rollout', 'history', 'daemonset/agent'), /\n1 .*\n2 /)
  })

  test('a Job completes, each of its indexes once', () => {
    kubectl('wait', '--for=condition=Complete', 'job/sums', '--timeout=180s')
    assert.match(
      kubectl('get', 'job', 'sums'),
      /^NAME +STATUS +COMPLETIONS +DURATION +AGE\nsums +Complete +3\/3 +\d+s +\S+\n$/,
    )
    const logs = kubectl('logs', '-l', 'batch.kubernetes.io/job-name=sums')
    assert.deepEqual(logs.trim().split('\n').sort(), ['index 0', 'index 1', 'index 2'])
  })

  test('a ReplicationController keeps its pods', async () => {
    kubectl('scale', 'rc', 'old', '--replicas=3')
    await eventually('three pods are ready', () =>
      /\nold +3 +3 +3 /.test(kubectl('get', 'rc', 'old')),
    )
    assert.match(kubectl('get', 'rc', 'old'), /^NAME +DESIRED +CURRENT +READY +AGE\n/)
  })

  test('a budget keeps a drain waiting', async () => {
    const budget = {
      kind: 'PodDisruptionBudget',
      apiVersion: 'policy/v1',
      metadata: { name: 'db' },
      spec: { minAvailable: 2, selector: selector('db') },
    }
    assert.equal(cluster.kubectl(['apply', '-f', '-'], JSON.stringify(budget)).status, 0)
    await eventually('the budget is counted', () =>
      kubectl('get', 'pdb', 'db', '-o', 'jsonpath={.status.currentHealthy}').startsWith('2'),
    )
    assert.match(
      kubectl('get', 'pdb', 'db'),
      /^NAME +MIN AVAILABLE +MAX UNAVAILABLE +ALLOWED DISRUPTIONS +AGE\ndb +2 +N\/A +0 +\S+\n$/,
    )
    const node = kubectl('get', 'pod', 'db-0', '-o', 'jsonpath={.spec.nodeName}')
    const drain = (seconds: number) =>
      cluster.kubectl([
        'drain',
        node,
        '--ignore-daemonsets',
        '--pod-selector=app=db',
        `--timeout=${seconds}s`,
      ])
    const refused = drain(1)
    assert.equal(refused.status, 1)
    assert.match(
      refused.stderr,
      /error when evicting pods\/"db-0" -n "default" .*Cannot evict pod as it would violate the pod's disruption budget\./,
    )
    kubectl('patch', 'pdb', 'db', '--type=merge', '-p', '{"spec":{"minAvailable":1}}')
    await eventually('the budget allows one', () =>
      /\ndb +1 +N\/A +1 /.test(kubectl('get', 'pdb', 'db')),
    )
    assert.equal(drain(60).status, 0)
    kubectl('uncordon', node)
  })

  test('priority classes are there, and pods take their numbers', () => {
    assert.match(
      kubectl('get', 'priorityclasses'),
      /^NAME +VALUE +GLOBAL-DEFAULT +AGE +PREEMPTIONPOLICY\nsystem-cluster-critical +2000000000 +false +\S+ +PreemptLowerPriority\nsystem-node-critical +2000001000 +false +\S+ +PreemptLowerPriority\n$/,
    )
    kubectl('create', 'priorityclass', 'high', '--value=1000')
    const overrides = '{"spec":{"priorityClassName":"high"}}'
    kubectl('run', 'important', '--image=fairlead.dev/tools', `--overrides=${overrides}`)
    assert.equal(kubectl('get', 'pod', 'important', '-o', 'jsonpath={.spec.priority}'), '1000')
  })

  test('what is not enforced says so', () => {
    const policy = {
      kind: 'NetworkPolicy',
      apiVersion: 'networking.k8s.io/v1',
      metadata: { name: 'deny' },
      spec: { podSelector: {} },
    }
    const { stderr } = cluster.kubectl(['apply', '-f', '-'], JSON.stringify(policy))
    assert.match(stderr, /^Warning: NetworkPolicy: stored, but not enforced/)
    const { stderr: warned } = cluster.kubectl(['autoscale', 'statefulset', 'db', '--max=3'])
    assert.match(warned, /^Warning: HorizontalPodAutoscaler: stored, but not enforced/)
    assert.match(
      kubectl('get', 'hpa', 'db'),
      /^NAME +REFERENCE +TARGETS +MINPODS +MAXPODS +REPLICAS +AGE\ndb +StatefulSet\/db +cpu: <unknown>\/80% +1 +3 +0 +\S+\n$/,
    )
  })

  test('a CronJob fires, and makes Jobs by hand', async () => {
    kubectl('create', 'job', '--from=cronjob/tick', 'by-hand')
    kubectl('wait', '--for=condition=Complete', 'job/by-hand', '--timeout=180s')
    await eventually(
      'a minute has passed, and a Job with it',
      () => /\ntick-\d+ +Complete +1\/1 /.test(kubectl('get', 'jobs')),
      150_000,
    )
    assert.match(
      kubectl('get', 'cronjob', 'tick'),
      /^NAME +SCHEDULE +TIMEZONE +SUSPEND +ACTIVE +LAST SCHEDULE +AGE\ntick +\* \* \* \* \* +Europe\/Berlin +False +\d +\S+ +\S+\n$/,
    )
  })
})
