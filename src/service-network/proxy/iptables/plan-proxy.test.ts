import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { cidr } from '#ip/cidr.ts'
import { type NodePortAddresses, planServiceModel } from '../../model.ts'
import { portOf, serviceOf, sliceOf } from '../testing/objects.ts'
import { A, B, C, OPTIONS, OUTSIDE, SERVICES, SLICES } from '../testing/packet-flows.ts'
import { suiteOfTracedFlows } from '../testing/suite-of-traced-flows.ts'
import { formatOutcome } from '../trace/outcome.ts'
import { everyChain } from './diff-plans.ts'
import { planProxy } from './plan-proxy.ts'
import { renderRule } from './render.ts'
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

  test('knows pods by their device, where it is told to', () => {
    for (const [localDetector, via] of [
      ['pod-device', 'eth0'],
      [{ prefix: 'cali' }, 'eth0'],
    ] as const) {
      const byDevice = planProxy(model, settingsOf({ ...OPTIONS, localDetector }))
      const outcome = tracePacket(byDevice, { from: C, to: '172.30.0.11:30084/tcp', via })
      // externalTrafficPolicy Local and no endpoint here: a pod elsewhere is as others outside.
      assert.equal(formatOutcome(outcome), 'drop')
      const own = localDetector === 'pod-device' ? 'cni0' : 'cali01234'
      const inside = tracePacket(byDevice, { from: B, to: '172.30.0.11:30084/tcp', via: own })
      assert.equal(formatOutcome(inside), `dnat ${C}:8080`)
    }
  })

  // proxier.go of kube-proxy: without a range of pods its local detector is none, and rules that need one are left out.
  for (const layout of ['modern', 'classic'] as const)
    test(`takes nobody for a stranger where no range of pods is known (${layout})`, () => {
      const options = { ...OPTIONS, podCIDR: cidr('0.0.0.0/0'), iptables: { layout } }
      const open = planProxy(model, settingsOf(options))
      // iptables refuses to negate it: RULE_APPEND failed (Invalid argument).
      for (const { chain, rules } of everyChain(open))
        for (const rule of rules) assert.doesNotMatch(renderRule(chain, rule), /0\.0\.0\.0\/0/)
      const outcome = tracePacket(open, { from: OUTSIDE, to: '10.96.0.20:80/tcp' })
      assert.equal(formatOutcome(outcome), `dnat ${A}:8080`)
    })

  test('masquerades all, where it is told to', () => {
    const all = planProxy(model, settingsOf({ ...OPTIONS, masqueradeAll: true }))
    const outcome = tracePacket(all, { from: B, to: '10.96.0.20:80/tcp' })
    assert.equal(formatOutcome(outcome), `masquerade, dnat ${A}:8080`)
  })

  test('opens nodePorts at chosen addresses only', () => {
    const lastRules = (nodePortAddresses: NodePortAddresses) => {
      const options = { ...OPTIONS, nodePortAddresses }
      const chosen = planProxy(planServiceModel(SERVICES, SLICES, options), settingsOf(options))
      const chain = chosen.base.find((one) => one.table === 'nat' && one.chain === 'KUBE-SERVICES')
      return chain!.last.map((rule) =>
        renderRule('KUBE-SERVICES', rule).replace(/"kube[^"]*"/, '…'),
      )
    }
    // k/k pkg/proxy/iptables/proxier.go: an address each, or all that are local.
    const rule = (ip: string) =>
      `-A KUBE-SERVICES -m comment --comment … -d ${ip} -j KUBE-NODEPORTS`
    assert.deepEqual(lastRules(['primary']), [rule('172.30.0.11')])
    assert.deepEqual(lastRules(['primary', 'localhost']), [rule('172.30.0.11'), rule('127.0.0.1')])
    assert.deepEqual(lastRules(['all']), [
      '-A KUBE-SERVICES -m comment --comment … -m addrtype --dst-type LOCAL -j KUBE-NODEPORTS',
    ])
  })

  test('is pure: equal inputs, equal plans, whatever their order', () => {
    const other = planServiceModel(SERVICES.toReversed(), SLICES.toReversed(), OPTIONS)
    assert.deepEqual(planProxy(other, settings), plan)
  })
})
