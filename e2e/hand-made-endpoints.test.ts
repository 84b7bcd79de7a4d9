/**
 * Services whose endpoints somebody writes by hand, as users do (tutorial 000, "service without selector"; facts/services.md 6): a database
 * outside of the cluster, one entrance to several Services by their pods' addresses, and the same by a ClusterIP, which cannot work.
 */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
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
  kubectl('wait --for=condition=Available deployment --all --timeout=60s')
  kubectl('wait --for=condition=Ready pod/client --timeout=60s')
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
})

function endpointsOf(addresses: readonly string[]): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Endpoints',
    metadata: { name: 'all-tasks' },
    subsets: [{ addresses: addresses.map((ip) => ({ ip })), ports: [{ port: 8080 }] }],
  })
}
