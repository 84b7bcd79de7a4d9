/**
 * Services whose endpoints somebody writes by hand, as users do (tutorial 000, "service without selector"; facts/services.md 6): a database
 * outside of the cluster, one entrance to several Services by their pods' addresses, and the same by a ClusterIP, which cannot work.
 */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { eventually, fairleadCommand, startCluster, type TestCluster } from './support/cluster.ts'

const examples = resolve(import.meta.dirname, '../examples')
/** Stands for a database: says who asks. */
const DATABASE = `
require('node:net')
  .createServer((socket) => socket.end('database for ' + socket.remoteAddress))
  .listen(3306, '172.30.0.254', () => console.log('ready'))
`

let cluster: TestCluster

/** The last words may hold spaces. */
function kubectl(command: string, input?: string, ...last: readonly string[]): string {
  const { status, stdout, stderr } = cluster.kubectl([...command.split(' '), ...last], input)
  assert.equal(status, 0, `kubectl ${command}: ${stderr}`)
  return stdout
}

const slicesOf = (services: string, path: string) =>
  kubectl(
    'get endpointslices',
    undefined,
    '-l',
    `kubernetes.io/service-name ${services}`,
    '-o',
    `jsonpath=${path}`,
  )

const asPod = (command: string) => cluster.exec('pod/default/client', ['sh', '-c', command])

before(() => {
  cluster = startCluster('hand', ['--nodes', '2'])
  kubectl(`apply -f ${join(examples, 'clients.yaml')} -f ${join(examples, 'tasks.yaml')}`)
  kubectl(`apply -f ${join(examples, 'external-database.yaml')}`)
  kubectl('wait --for=condition=Available deployment --all --timeout=180s')
  kubectl('wait --for=condition=Ready pod/client --timeout=180s')
})

after(() => cluster?.[Symbol.dispose]())

suite('Endpoints made by hand', () => {
  test('lead to a database outside, by a slice and by Endpoints', async () => {
    const exec = ['exec', 'outside', '--name', cluster.name, '--', process.execPath, '-e', DATABASE]
    const database = spawn(fairleadCommand, exec, { env: cluster.home.env })
    try {
      let said = ''
      database.stdout.on('data', (text) => {
        said += text
      })
      await eventually('the database is ready', () => said.includes('ready'))
      for (const name of ['database', 'database-old'])
        await eventually(`${name} answers`, () =>
          // The node's address: what leaves the pod network is masqueraded.
          /^database for 172\.30\.0\.1\d$/.test(
            asPod(`curl -s --max-time 2 telnet://${name}:3306 </dev/null`).stdout,
          ),
        )
    } finally {
      database.kill('SIGTERM')
    }
    // Source: pkg/controller/endpointslicemirroring: what the Endpoints say, in a slice of the mirroring controller.
    const mirrored = slicesOf(
      'in (database-old)',
      '{.items[*].metadata.labels.endpointslice\\.kubernetes\\.io/managed-by} {.items[*].endpoints[*].addresses[*]}',
    )
    assert.equal(mirrored, 'endpointslicemirroring-controller.k8s.io 172.30.0.254')
  })

  test('make one entrance to three Services, by the addresses of their pods', async () => {
    const addresses = slicesOf(
      'in (task-1,task-2,task-3)',
      '{.items[*].endpoints[*].addresses[0]}',
    ).split(' ')
    assert.equal(addresses.length, 3)
    kubectl('apply -f -', endpointsOf(addresses))
    const answers = new Set<string>()
    await eventually('all three tasks have answered', () => {
      const { stdout } = asPod('for i in $(seq 8); do curl -s --max-time 2 all-tasks/; echo; done')
      for (const [, ip] of stdout.matchAll(/"podIP":"([^"]+)"/g)) answers.add(ip!)
      return addresses.every((address) => answers.has(address))
    })
    assert.deepEqual([...answers].sort(), addresses.sort())
  })

  test('cannot be a ClusterIP, which an event of the Service says', async () => {
    const clusterIP = kubectl('get service task-1 -o jsonpath={.spec.clusterIP}')
    kubectl('apply -f -', endpointsOf([clusterIP]))
    await eventually('the event', () =>
      kubectl('describe service all-tasks').includes(
        `Endpoint ${clusterIP} is the ClusterIP of Service default/task-1: no connection reaches it`,
      ),
    )
    // Source: facts/services.md 6: one DNAT for a connection.
    assert.notEqual(asPod('curl -s --max-time 2 all-tasks/').status, 0)
    // Its own name still leads to it.
    assert.equal(asPod('curl -s --max-time 2 task-1:8080/').status, 0)
  })

  // Texts: k8s.io/kubernetes pkg/apis/discovery/validation and core/validation, ValidateEndpointIP.
  const refused = [
    { address: '127.0.0.1', why: 'may not be in the loopback range (127.0.0.0/8, ::1/128)' },
    {
      address: '169.254.169.254',
      why: 'may not be in the link-local range (169.254.0.0/16, fe80::/10)',
    },
    { address: '0.0.0.0', why: 'may not be unspecified (0.0.0.0)' },
    { address: 'fd00::7', why: 'must be an IPv4 address' },
  ]
  test('are refused where they are the node’s own or of another family', () => {
    for (const { address, why } of refused) {
      const { status, stderr } = cluster.kubectl(['apply', '-f', '-'], sliceOf([address]))
      assert.equal(status, 1, address)
      assert.ok(stderr.includes(why), `${address}: ${stderr}`)
    }
  })

  test('count once, and not at all where they are nobody’s; an event and the log say so', async () => {
    const [address = ''] = slicesOf('in (task-1)', '{.items[*].endpoints[*].addresses[0]}').split(
      ' ',
    )
    kubectl('create service clusterip hostile --tcp 80:8080')
    kubectl(
      'patch service hostile --type merge -p',
      undefined,
      '{"spec":{"selector":null,"ports":[{"name":"http","port":80}]}}',
    )
    kubectl(
      'apply -f -',
      sliceOf([...Array.from({ length: 999 }, () => address), '255.255.255.255']),
    )
    await eventually('the event', () =>
      kubectl('describe service hostile').includes(
        `Endpoints are ignored: "${address}" (named 999 times, counts once), "255.255.255.255" (not-unicast)`,
      ),
    )
    for (let i = 0; i < 5; i++)
      assert.ok(asPod('curl -s --max-time 2 hostile/').stdout.includes(`"podIP":"${address}"`))
    const log = readFileSync(
      join(cluster.home.env.FAIRLEAD_HOME ?? '', cluster.name, 'logs/node1.log'),
      'utf8',
    )
    assert.match(log, /Ignored what a Service or its slices ask for.*default\/hostile.*not-unicast/)
  })
})

/** Of the Service `hostile`. */
function sliceOf(addresses: readonly string[]): string {
  return JSON.stringify({
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: 'hostile-1', labels: { 'kubernetes.io/service-name': 'hostile' } },
    addressType: 'IPv4',
    endpoints: addresses.map((address) => ({ addresses: [address] })),
    ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
  })
}

function endpointsOf(addresses: readonly string[]): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Endpoints',
    metadata: { name: 'all-tasks' },
    subsets: [{ addresses: addresses.map((ip) => ({ ip })), ports: [{ port: 8080 }] }],
  })
}
