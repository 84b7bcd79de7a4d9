import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { Node } from '#api/core.ts'
import { cidr, formatCIDR } from '#ip/cidr.ts'
import { countSubnets, planNodeSubnets } from './plan-node-subnets.ts'

const node = (name: string, ...podCIDRs: readonly string[]): Node => ({
  metadata: { name },
  ...(podCIDRs[0] !== undefined && { spec: { podCIDR: podCIDRs[0], podCIDRs: [...podCIDRs] } }),
})

suite('planNodeSubnets()', () => {
  // Rules: facts/pod-network.md 4.1 (pkg/controller/nodeipam/ipam/range_allocator.go, cidrset/cidr_set.go).
  const cases: readonly {
    name: string
    nodes: readonly Node[]
    cluster?: string
    /** The second range. */
    second?: string
    /** Where the search in the second range starts. */
    nextOfSecond?: number
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
    {
      name: 'of two families, one of each',
      nodes: [node('a'), node('b')],
      second: 'fd00:10:244::/56',
      assign: {
        a: '10.244.0.0/24,fd00:10:244::/64',
        b: '10.244.1.0/24,fd00:10:244:1::/64',
      },
    },
    {
      name: 'each range is searched from its own place',
      nodes: [node('a')],
      second: 'fd00:10:244::/56',
      next: 3,
      nextOfSecond: 255,
      assign: { a: '10.244.3.0/24,fd00:10:244:ff::/64' },
    },
    {
      name: 'what a node has of both is its own',
      nodes: [node('a', '10.244.0.0/24', 'fd00:10:244:5::/64'), node('b')],
      second: 'fd00:10:244::/56',
      nextOfSecond: 5,
      assign: { b: '10.244.1.0/24,fd00:10:244:6::/64' },
    },
    {
      name: 'a node that comes back gets both that it had',
      nodes: [node('b')],
      second: 'fd00:10:244::/56',
      next: 4,
      nextOfSecond: 4,
      earlier: { b: '10.244.1.0/24,fd00:10:244:2::/64' },
      assign: { b: '10.244.1.0/24,fd00:10:244:2::/64' },
    },
    // podCIDRs can be set once only (pkg/apis/core/validation, ValidateNodeUpdate).
    {
      name: 'a node with one family gets no other',
      nodes: [node('a', '10.244.0.0/24')],
      second: 'fd00:10:244::/56',
    },
    {
      name: 'none of one family where the other has none left',
      nodes: [node('a', '10.244.0.0/24', 'fd00:10:244::/64'), node('b')],
      second: 'fd00:10:244::/64',
      exhausted: ['b'],
    },
    {
      name: 'a subnet of a family that the cluster has not',
      nodes: [node('a', 'fd00:10:244::/64')],
      misplaced: ['a'],
    },
    {
      name: 'no subnet of the Service range, in IPv6',
      nodes: [node('a')],
      second: 'fd00:10::/63',
      reserved: ['fd00:10::/112'],
      assign: { a: '10.244.0.0/24,fd00:10:0:1::/64' },
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
    second,
    nextOfSecond = 0,
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
        {
          ranges: [
            { clusterCIDR: cidr(cluster), nodeMask: mask },
            ...(second ? [{ clusterCIDR: cidr(second), nodeMask: 64 }] : []),
          ],
          reserved: reserved.map(cidr),
        },
        [next ?? 0, nextOfSecond],
        new Map(Object.entries(earlier).map(([name, held]) => [name, held.split(',')])),
      )
      assert.deepEqual(
        Object.fromEntries(
          [...plan.assign].map(([name, subnets]) => [name, subnets.map(formatCIDR).join(',')]),
        ),
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
