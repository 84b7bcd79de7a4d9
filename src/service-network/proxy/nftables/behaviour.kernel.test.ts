import assert from 'node:assert/strict'
import { after, afterEach, before, beforeEach, suite, test } from 'node:test'
import { waitFor } from '#testing/wait-for.ts'
import { createNodeLab, type NodeLab, type RunningProxy } from '../testing/node-lab.ts'
import { portOf, serviceOf, sliceOf } from '../testing/objects.ts'
import { A, B, C } from '../testing/packet-flows.ts'
import { suiteOfBehaviour } from '../testing/suite-of-behaviour.ts'

suiteOfBehaviour('nftables')

suite('the nftables table', () => {
  let cluster: NodeLab
  let proxy: RunningProxy | undefined
  before(async () => {
    cluster = await createNodeLab()
    await cluster.put(
      serviceOf('web', { clusterIP: '10.96.1.1', ports: portOf(80) }),
      sliceOf('web', [A, B, C]),
    )
  })
  beforeEach(async () => {
    proxy = await cluster.startProxy({ checkIntervalMs: 50 })
  })
  afterEach(() => proxy?.stop())
  after(() => cluster?.[Symbol.dispose]())

  const chain = 'list chain ip fairlead-proxy nat-prerouting'
  const flushes = [
    ['flush ruleset', 'the whole ruleset'],
    ['delete table ip fairlead-proxy', 'our table'],
    ['flush table ip fairlead-proxy', 'our rules'],
  ] as const
  for (const [command, what] of flushes) {
    test(`heals when somebody removes ${what}`, async () => {
      cluster.lab.exec(cluster.node, ['nft', command])
      await waitFor(() => cluster.nft(chain).includes('vmap @services'), { what: 'the rules' })
      const question = { protocol: 'tcp', address: '10.96.1.1', port: 80 } as const
      const [reply] = await cluster.ask(B, [question])
      assert.match(reply!.answers[0]!, /^[abc] /)
    })
  }
})
