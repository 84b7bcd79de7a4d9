import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { Node } from '#api/core.ts'
import { cidr, formatCIDR } from '#ip/cidr.ts'
import { countSubnets, planNodeSubnets } from './plan-node-subnets.ts'

const node = (name: string, podCIDR?: string): Node => ({
  metadata: { name },
  ...(podCIDR !== undefined && { spec: { podCIDR, podCIDRs: [podCIDR] } }),
})

suite('planNodeSubnets()', () => {
  // Rules: facts/pod-network.md 4.1 (pkg/controller/nodeipam/ipam/range_allocator.go, cidrset/cidr_set.go).
  const cases: readonly {
    name: string
    nodes: readonly Node[]
    cluster?: string
    mask?: number
    reserved?: readonly string[]
    next?: number
    earlier?: Readonly<Record<string, string>>
    assign?: Readonly<Record<string, string>>
    exhausted?: readonly string[]
    misplaced?: readonly string[]
  }[] = [
    {
      name: 'the first node gets the first subnet',
      nodes: [node('a'), node('b')],
      assign: { a: '10.244.0.0/24', b: '10.244.1.0/24' },
    },
    {
      name: 'what a node has is its own',
      nodes: [node('a', '10.244.0.0/24'), node('b')],
      assign: { b: '10.244.1.0/24' },
    },
    {
      name: 'a released subnet is not the next',
      nodes: [node('b', '10.244.1.0/24'), node('c')],
      next: 2,
      assign: { c: '10.244.2.0/24' },
    },
    // Of our own: upstream gives a node that comes back any subnet (range_allocator.go, AllocateOrOccupyCIDR).
    {
      name: 'a node that comes back gets what it had',
      nodes: [node('a', '10.244.0.0/24'), node('b'), node('c')],
      next: 2,
      earlier: { b: '10.244.1.0/24' },
      assign: { b: '10.244.1.0/24', c: '10.244.2.0/24' },
    },
    {
      name: 'a node that comes back too late gets another',
      nodes: [node('b'), node('c', '10.244.1.0/24')],
      next: 2,
      earlier: { b: '10.244.1.0/24' },
      assign: { b: '10.244.2.0/24' },
    },
    {
      name: 'a node that comes back from another range gets one of this',
      nodes: [node('b')],
      earlier: { b: '10.1.0.0/24' },
      assign: { b: '10.244.0.0/24' },
    },
    {
      name: 'the search goes round',
      nodes: [node('b', '10.244.3.0/24'), node('c')],
      cluster: '10.244.0.0/22',
      next: 3,
      assign: { c: '10.244.0.0/24' },
    },
    {
      name: 'no subnet of the service range',
      nodes: [node('a')],
      cluster: '10.96.0.0/15',
      reserved: ['10.96.0.0/16'],
      assign: { a: '10.97.0.0/24' },
    },
    {
      name: 'no subnet that a service range lies in',
      nodes: [node('a')],
      reserved: ['10.244.0.128/25'],
      assign: { a: '10.244.1.0/24' },
    },
    {
      name: 'nothing is left',
      nodes: [node('a', '10.244.0.0/24'), node('b', '10.244.1.0/24'), node('c')],
      cluster: '10.244.0.0/23',
      exhausted: ['c'],
    },
    {
      name: 'a larger subnet takes several',
      nodes: [node('a', '10.244.0.0/23'), node('b')],
      assign: { b: '10.244.2.0/24' },
    },
    { name: 'a subnet outside the range', nodes: [node('a', '10.1.0.0/24')], misplaced: ['a'] },
    {
      name: 'two nodes with one subnet',
      nodes: [node('a', '10.244.0.0/24'), node('b', '10.244.0.0/24')],
      misplaced: ['b'],
    },
    { name: 'no text', nodes: [node('a', 'hello')], misplaced: ['a'] },
  ]
  for (const {
    name,
    nodes,
    cluster = '10.244.0.0/16',
    mask = 24,
    reserved = ['10.96.0.0/16'],
    next,
    earlier = {},
    assign = {},
    exhausted = [],
    misplaced = [],
  } of cases) {
    test(name, () => {
      const plan = planNodeSubnets(
        nodes,
        { clusterCIDR: cidr(cluster), nodeMask: mask, reserved: reserved.map(cidr) },
        next,
        new Map(Object.entries(earlier)),
      )
      assert.deepEqual(
        Object.fromEntries([...plan.assign].map(([name, subnet]) => [name, formatCIDR(subnet)])),
        assign,
      )
      assert.deepEqual(plan.exhausted, exhausted)
      assert.deepEqual(
        plan.misplaced.map(({ node }) => node),
        misplaced,
      )
    })
  }

  test('refuses masks that cannot work', () => {
    assert.equal(countSubnets(cidr('10.244.0.0/16'), 24), 256)
    assert.throws(() => countSubnets(cidr('10.244.0.0/16'), 15), RangeError)
    assert.throws(() => countSubnets(cidr('fd00:244::/32'), 64), /node CIDR size is too big/)
  })
})
