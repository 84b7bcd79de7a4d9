import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { suite, test } from 'node:test'
import { eventually, fairleadCommand, startCluster, type TestCluster } from './support/cluster.ts'

const examples = new URL('../examples/', import.meta.url).pathname

interface Status {
  readonly phase: string
  readonly components: readonly {
    readonly component: string
    readonly node: string
    readonly pid?: number
    readonly state: string
  }[]
}

// The promise: a component may be killed at any time; what it made stays, and `fairlead up` starts it again.
suite('A cluster survives', () => {
  test('kill -9 of the control plane: traffic and names go on meanwhile, and the state is intact', async () => {
    using cluster = startCluster('surv', ['--nodes', '2'])
    await deploy(cluster)
    const before = cluster.kubectl([
      'get',
      'pods,services',
      '-o',
      'jsonpath={range .items[*]}{.metadata.uid} {end}',
    ]).stdout
    const pod = cluster.kubectl([
      'get',
      'pods',
      '-l',
      'name=app1',
      '-o',
      'jsonpath={.items[0].metadata.name}',
    ]).stdout
    process.kill(pidOf(cluster, 'control-plane'), 'SIGKILL')
    await eventually('the control plane is gone', () => status(cluster).phase === 'damaged')
    // A pod's network can be entered without the API server, and a Service is still found by name from there.
    const inside = cluster.exec(`pod/default/${pod}`, [
      'curl',
      '-sS',
      '--max-time',
      '5',
      'http://app1:8080/',
    ])
    assert.match(inside.stdout, /app1-/, inside.stderr)
    assert.equal(cluster.fairlead(['status']).status, 1)
    // Nothing but the API server is gone: the name resolves and the ClusterIP is served.
    for (let i = 0; i < 5; i++)
      assert.match(
        cluster.exec('node/node1', ['curl', '-sS', '--max-time', '5', 'http://172.30.0.12:30062/'])
          .stdout,
        /app1-/,
      )
    const dig = cluster.exec('node/node1', [
      'dig',
      '+short',
      '+tries=3',
      '@10.96.0.10',
      'app1.default.svc.cluster.local',
    ])
    assert.match(dig.stdout, /^10\.96\./)
    const up = cluster.fairlead(['up'])
    assert.equal(up.status, 0, up.stderr)
    assert.match(up.stderr, /started: control plane/)
    assert.equal(
      cluster.kubectl([
        'get',
        'pods,services',
        '-o',
        'jsonpath={range .items[*]}{.metadata.uid} {end}',
      ]).stdout,
      before,
    )
    // And it works on: a new replica gets into the endpoints.
    assert.equal(cluster.kubectl(['scale', 'deployment', 'app1', '--replicas=4']).status, 0)
    assert.equal(
      cluster.kubectl(['rollout', 'status', 'deployment/app1', '--timeout=180s']).status,
      0,
    )
  })

  test('kill -9 of a node agent: its pods and rules stay, and it takes them over again', async () => {
    using cluster = startCluster('surv', ['--nodes', '2'])
    await deploy(cluster)
    const pods = () =>
      cluster.kubectl([
        'get',
        'pods',
        '-o',
        'jsonpath={range .items[*]}{.metadata.name}={.status.containerStatuses[0].containerID}={.status.containerStatuses[0].restartCount}{"\\n"}{end}',
      ]).stdout
    const before = pods()
    const rules = () =>
      cluster.exec('node/node1', ['nft', '-s', 'list', 'table', 'ip', 'fairlead-proxy']).stdout
    const ruleset = rules()
    assert.notEqual(ruleset, '')
    process.kill(pidOf(cluster, 'node-agent', 'node1'), 'SIGKILL')
    await eventually('the agent is gone', () => status(cluster).phase === 'damaged')
    assert.equal(rules(), ruleset)
    for (let i = 0; i < 10; i++)
      assert.match(
        cluster.exec('outside', ['curl', '-sS', '--max-time', '5', 'http://172.30.0.11:30062/'])
          .stdout,
        /app1-/,
      )
    const up = cluster.fairlead(['up'])
    assert.equal(up.status, 0, up.stderr)
    assert.match(up.stderr, /started: node1/)
    await eventually('node1 is Ready', () =>
      /True/.test(
        cluster.kubectl([
          'get',
          'node',
          'node1',
          '-o',
          'jsonpath={.status.conditions[?(@.type=="Ready")].status}',
        ]).stdout,
      ),
    )
    assert.equal(pods(), before, 'the same containers, none restarted')
    assert.match(cluster.kubectl(['logs', 'deployment/app1', '--tail=5']).stdout, /./)
  })

  test('a proxy and agent restart under load: no request fails', async () => {
    using cluster = startCluster('surv', ['--nodes', '2'])
    await deploy(cluster)
    const load = spawn(
      fairleadCommand,
      [
        'exec',
        'outside',
        '--name',
        cluster.name,
        '--',
        'curl',
        '-sS',
        '--max-time',
        '180',
        '--rate',
        '50/s',
        '-H',
        'Connection: close',
        '-o',
        '/dev/null',
        '-w',
        '%{http_code}\\n',
        'http://172.30.0.11:30062/?[1-300]',
      ],
      { env: cluster.home.env },
    )
    let codes = ''
    load.stdout.on('data', (text) => {
      codes += text
    })
    const { promise: ended, resolve } = Promise.withResolvers<void>()
    load.once('exit', () => resolve())
    await eventually('requests flow', () => codes.length > 40)
    process.kill(pidOf(cluster, 'node-agent', 'node1'), 'SIGKILL')
    assert.equal(cluster.fairlead(['up']).status, 0)
    await ended
    assert.deepEqual([...new Set(codes.trim().split('\n'))], ['200'])
    assert.equal(codes.trim().split('\n').length, 300)
  })
})

async function deploy(cluster: TestCluster): Promise<void> {
  const applied = cluster.kubectl(['apply', '-f', `${examples}app1.yaml`])
  assert.equal(applied.status, 0, applied.stderr)
  const waited = cluster.kubectl(['rollout', 'status', 'deployment/app1', '--timeout=180s'])
  assert.equal(waited.status, 0, waited.stderr)
  // Pods are ready a moment before the nodes and the name servers have heard of it.
  const [pod = ''] = cluster
    .kubectl(['get', 'pods', '-l', 'name=app1', '-o', 'jsonpath={.items[*].metadata.name}'])
    .stdout.split(' ')
  const curl = (where: string, url: string) =>
    cluster.exec(where, ['curl', '-sS', '--max-time', '5', url]).stdout
  const ways = [
    ['outside', 'http://172.30.0.11:30062/'],
    ['outside', 'http://172.30.0.12:30062/'],
    [`pod/default/${pod}`, 'http://app1:8080/'],
  ] as const
  for (const [where, url] of ways)
    await eventually(`${url} answers`, () => /app1-/.test(curl(where, url)))
}

function status(cluster: TestCluster): Status {
  return JSON.parse(cluster.fairlead(['status', '-o', 'json']).stdout) as Status
}

function pidOf(cluster: TestCluster, component: string, node?: string): number {
  const found = status(cluster).components.find(
    (one) => one.component === component && (node === undefined || one.node === node),
  )
  assert.ok(found?.pid, `${component} runs`)
  return found.pid
}
