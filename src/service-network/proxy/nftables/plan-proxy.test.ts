import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { planServiceModel } from '../../model.ts'
import { portOf, serviceOf, sliceOf } from '../testing/objects.ts'
import { A, B, C, NODE, OPTIONS, OUTSIDE, SERVICES, SLICES } from '../testing/packet-flows.ts'
import { suiteOfTracedFlows } from '../testing/suite-of-traced-flows.ts'
import { formatOutcome } from '../trace/outcome.ts'
import type { TracedPacket } from '../trace/packet.ts'
import { planProxy } from './plan-proxy.ts'
import { tracePacket } from './trace-packet.ts'

const plan = planProxy(planServiceModel(SERVICES, SLICES, OPTIONS), OPTIONS)
const trace = (packet: TracedPacket) => formatOutcome(tracePacket(plan, packet))

suiteOfTracedFlows('nftables', (model, options) => {
  const planned = planProxy(model, options)
  return (packet) => tracePacket(planned, packet)
})

suite('planProxy()', () => {
  test('reaches every endpoint, each by one slot', () => {
    const spread = planServiceModel(
      [serviceOf('s', { clusterIP: '10.96.0.30', ports: portOf(80) })],
      [sliceOf('s', [A, B, C])],
      OPTIONS,
    )
    const reached = [0, 1, 2].map((slot) =>
      formatOutcome(
        tracePacket(planProxy(spread, OPTIONS), {
          from: '10.244.1.99',
          to: '10.96.0.30:80/tcp',
          pick: (count) => (count === 3 ? slot : Number.NaN),
        }),
      ),
    )
    assert.deepEqual(
      reached,
      [A, B, C].map((address) => `dnat ${address}:8080`),
    )
  })

  test('is pure: equal inputs, equal plans, whatever their order', () => {
    const model = planServiceModel(SERVICES.toReversed(), SLICES.toReversed(), OPTIONS)
    assert.deepEqual(planProxy(model, OPTIONS), plan)
  })

  test('a LoadBalancer address that another node answers for is left alone at wrong ports', () => {
    for (const to of ['172.30.0.200', '172.30.0.200:81/tcp'])
      assert.equal(trace({ from: B, to }), 'accept')
    assert.equal(trace({ from: NODE, to: '172.30.0.200' }), 'accept')
    assert.equal(trace({ from: OUTSIDE, to: '172.30.0.200' }), 'accept')
  })
})
