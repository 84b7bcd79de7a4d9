import assert from 'node:assert/strict'
import { test } from 'node:test'
import { silentLog } from '#log/log.ts'
import { planServiceModel } from '../../model.ts'
import { createNodeLab } from '../testing/node-lab.ts'
import { portOf, serviceOf, sliceOf } from '../testing/objects.ts'
import { A, NODE, OPTIONS } from '../testing/packet-flows.ts'
import { createLocalhostNodePorts, planLocalhostPorts } from './localhost-node-ports.ts'

test('nodePorts answer on localhost, in both families, without route_localnet', async () => {
  using cluster = await createNodeLab()
  const web = serviceOf('web', {
    type: 'NodePort',
    clusterIP: '10.96.0.20',
    ports: portOf(80, { nodePort: 30080 }),
  })
  const modelOf = (...endpoints: readonly string[]) =>
    planLocalhostPorts(planServiceModel([web], [sliceOf('web', endpoints)], OPTIONS))
  for (const family of [4, 6] as const) {
    const ports = createLocalhostNodePorts(family, { log: silentLog, netns: cluster.node })
    using stack = new DisposableStack()
    stack.defer(() => ports.close())
    const address = family === 4 ? '127.0.0.1' : '::1'
    const ask = async () => {
      const [reply] = await cluster.ask(NODE, [{ protocol: 'tcp', address, port: 30080 }])
      return reply!.answers[0]!
    }
    await ports.update(modelOf(A))
    assert.match(await ask(), /^a /)
    // From elsewhere the address means another machine: the listener is on no other.
    const [outside] = await cluster.ask('172.30.0.254', [
      { protocol: 'tcp', address: NODE, port: 30080 },
    ])
    assert.deepEqual(outside!.answers, ['ECONNREFUSED'])
    await ports.update(modelOf())
    assert.equal(await ask(), 'ECONNREFUSED')
  }
})
