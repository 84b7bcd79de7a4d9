import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { planServiceModel } from '../../model.ts'
import { portOf, serviceOf, sliceOf } from '../testing/objects.ts'
import { A, B, C, OPTIONS, SERVICES, SLICES } from '../testing/packet-flows.ts'
import { suiteOfTracedFlows } from '../testing/suite-of-traced-flows.ts'
import { formatOutcome } from '../trace/outcome.ts'
import { planProxy } from './plan-proxy.ts'
import { settingsOf } from './settings.ts'
import { tracePacket } from './trace-packet.ts'

const settings = settingsOf(OPTIONS)
const model = planServiceModel(SERVICES, SLICES, OPTIONS)
const plan = planProxy(model, settings)

for (const layout of ['modern', 'classic'] as const) {
  suite(`in the ${layout} layout`, () => {
    suiteOfTracedFlows('iptables', (flows, options) => {
      const laidOut = planProxy(flows, settingsOf({ ...options, iptables: { layout } }))
      return (packet) => tracePacket(laidOut, packet)
    })
  })
}

suite('planProxy()', () => {
  test('reaches every endpoint, each by one chance', () => {
    const spread = planServiceModel(
      [serviceOf('s', { clusterIP: '10.96.0.30', ports: portOf(80) })],
      [sliceOf('s', [A, B, C])],
      OPTIONS,
    )
    const spreadPlan = planProxy(spread, settings)
    const reached = [3, 2, 1].map((left) =>
      formatOutcome(
        tracePacket(spreadPlan, {
          from: '10.244.1.99',
          to: '10.96.0.30:80/tcp',
          pick: (count) => (count === left ? 0 : 1),
        }),
      ),
    )
    assert.deepEqual(
      reached,
      [A, B, C].map((address) => `dnat ${address}:8080`),
    )
  })

  test('is pure: equal inputs, equal plans, whatever their order', () => {
    const other = planServiceModel(SERVICES.toReversed(), SLICES.toReversed(), OPTIONS)
    assert.deepEqual(planProxy(other, settings), plan)
  })
})
