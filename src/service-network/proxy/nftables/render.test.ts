import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { IP } from '#ip/ip.ts'
import { planServiceModel } from '../../model.ts'
import { portOf, serviceOf, sliceOf } from '../testing/objects.ts'
import { OPTIONS } from '../testing/packet-flows.ts'
import { planProxy } from './plan-proxy.ts'
import { NO_CHANGES, renderChanges, renderRule, replaceTable } from './render.ts'

suite('renderRule()', () => {
  // Each text was loaded by nft 1.0.6 on Linux 6.18 (run-proxy.kernel.test.ts loads them all); the syntax is nft(8)'s.
  const rows = [
    {
      name: 'a verdict map',
      rule: {
        when: [{ kind: 'device', field: 'iifname', name: 'cni0', not: true }],
        do: { kind: 'vmap', key: ['ip daddr', 'meta l4proto', 'th dport'], map: 'services' },
      },
      want: 'iifname != "cni0" ip daddr . meta l4proto . th dport vmap @services',
    },
    {
      name: 'a random slot',
      rule: {
        when: [{ kind: 'protocol', is: 'udp' }],
        do: {
          kind: 'dnat-map',
          key: ['ip daddr', 'udp dport', 'slot'],
          slots: 7,
          map: 'endpoints-udp',
        },
      },
      want: 'meta l4proto udp dnat to ip daddr . udp dport . numgen random mod 7 map @endpoints-udp',
    },
    {
      name: 'a refusal',
      rule: { when: [{ kind: 'new' }], do: { kind: 'reject', with: 'icmp port-unreachable' } },
      want: 'ct state new reject with icmp port-unreachable',
    },
  ] as const
  for (const { name, rule, want } of rows) test(name, () => assert.equal(renderRule(rule, 4), want))
})

suite('replaceTable()', () => {
  test('empties and fills the table in one script', () => {
    const script = replaceTable(planProxy(new Map(), OPTIONS))
    assert.ok(
      script.startsWith(
        'add table ip fairlead-proxy\ndelete table ip fairlead-proxy\nadd table ip fairlead-proxy\n',
      ),
    )
  })

  test('no text of users reaches it', () => {
    const evil = 'x; flush ruleset #\n"'
    const service = serviceOf(evil, {
      type: 'LoadBalancer',
      clusterIP: '10.96.0.20',
      ports: portOf(80, { name: evil }),
      loadBalancerIPs: [evil],
      loadBalancerSourceRanges: [evil],
    })
    const model = planServiceModel(
      [service],
      [sliceOf(evil, ['10.244.1.7', evil], [`${evil}=80`])],
      OPTIONS,
    )
    assert.equal(model.size, 1)
    assert.doesNotMatch(replaceTable(planProxy(model, OPTIONS)), /flush|#|x;/)
  })
})

test('renderChanges() refuses what is more than a word', () => {
  const texts = ['10.0.0.1 }; flush ruleset', '', '@x', '"', '1.1.1.1\n', 'a,b']
  for (const text of texts) {
    const added = [{ set: 'cluster-ips', key: [text as IP] }] as const
    assert.throws(() => renderChanges({ ...NO_CHANGES, added }, 4), SyntaxError)
  }
  const added = [{ set: 'cluster-ips', key: [1.5] }] as const
  assert.throws(() => renderChanges({ ...NO_CHANGES, added }, 4), RangeError)
})
