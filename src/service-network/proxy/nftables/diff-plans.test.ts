import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { planServiceModel } from '../../model.ts'
import { histories } from '../testing/histories.ts'
import { portOf, serviceOf, sliceOf } from '../testing/objects.ts'
import { OPTIONS } from '../testing/packet-flows.ts'
import { diffPlans, isEmpty } from './diff-plans.ts'
import { planProxy } from './plan-proxy.ts'
import { renderChanges } from './render.ts'
import { checkHistory } from './testing/check-history.ts'

suite('diffPlans()', () => {
  test('after every history, changes one by one give what a fresh plan gives', () => {
    fc.assert(fc.property(histories, checkHistory), { numRuns: 100 })
  })

  const service = serviceOf('web', { clusterIP: '10.96.0.20', ports: portOf(80) })
  const planOf = (...addresses: readonly string[]) =>
    planServiceModel([service], [sliceOf('web', addresses)], OPTIONS)

  test('says nothing where nothing changed', () => {
    const plan = planProxy(planOf('10.244.2.9'), OPTIONS)
    assert.ok(isEmpty(diffPlans(plan, planProxy(planOf('10.244.2.9'), OPTIONS, plan))))
  })

  test('another endpoint is a few elements, in an order that nft can commit', () => {
    const before = planProxy(planOf('10.244.2.9'), OPTIONS)
    const after = planProxy(planOf('10.244.2.9', '10.244.3.9'), OPTIONS, before)
    // Written by hand from nft(8): chains before who goes to them, additions before deletions, a changed key deleted first.
    const rule = (protocol: string) =>
      `add rule ip fairlead-proxy spread-2 meta l4proto ${protocol} dnat to ip daddr . ${protocol} dport . numgen random mod 2 map @endpoints-${protocol}`
    assert.deepEqual(renderChanges(diffPlans(before, after), 4).trimEnd().split('\n'), [
      'add chain ip fairlead-proxy spread-2',
      rule('tcp'),
      rule('udp'),
      rule('sctp'),
      'add element ip fairlead-proxy endpoints-tcp { 10.96.0.20 . 80 . 1 : 10.244.3.9 . 8080 }',
      'delete element ip fairlead-proxy services { 10.96.0.20 . tcp . 80 }',
      'add element ip fairlead-proxy services { 10.96.0.20 . tcp . 80 : goto spread-2 }',
    ])
  })
})
