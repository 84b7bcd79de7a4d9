import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { Node } from '#api/core.ts'
import { cidr } from '#ip/cidr.ts'
import { ip } from '#ip/ip.ts'
import { isEligible, planNodeFamilies } from './node-families.ts'

const node = (addresses: readonly string[], spec: Node['spec'] = {}): Node => ({
  metadata: { name: 'node1' },
  spec,
  status: { addresses: addresses.map((address) => ({ type: 'InternalIP', address })) },
})
const ranges = (...cidrs: readonly string[]) => [
  { metadata: { name: 'kubernetes' }, spec: { cidrs } },
]
const byCluster = (...clusterCIDRs: readonly string[]) => ({
  clusterCIDRs: clusterCIDRs.map((text) => cidr(text)),
  detectLocalMode: 'ClusterCIDR' as const,
})

// Source: facts/services.md 1.1 (detect-local modes, two independent single-family proxies); KEP-3836 for eligibility.
suite('planNodeFamilies()', () => {
  test('knows a node of both families', () => {
    const { families, warnings } = planNodeFamilies(
      node(['172.30.0.11', 'fd00:172:30::11']),
      ranges('10.96.0.0/16', 'fd00:10:96::/112'),
      byCluster('10.244.0.0/16', 'fd00:10:244::/56'),
    )
    assert.deepEqual(families, [
      { nodeIP: '172.30.0.11', serviceCIDR: cidr('10.96.0.0/16'), podCIDR: cidr('10.244.0.0/16') },
      {
        nodeIP: 'fd00:172:30::11',
        serviceCIDR: cidr('fd00:10:96::/112'),
        podCIDR: cidr('fd00:10:244::/56'),
      },
    ])
    assert.deepEqual(warnings, [])
  })

  test('leaves out a family without ClusterIPs', () => {
    const { families } = planNodeFamilies(
      node(['172.30.0.11', 'fd00:172:30::11']),
      ranges('10.96.0.0/16'),
      byCluster('10.244.0.0/16'),
    )
    assert.deepEqual(
      families.map(({ nodeIP }) => nodeIP),
      ['172.30.0.11'],
    )
  })

  test('has a range without addresses where the API server tells of none', () => {
    const { families } = planNodeFamilies(
      node(['172.30.0.11', 'fd00:172:30::11']),
      undefined,
      byCluster('10.244.0.0/16'),
    )
    assert.deepEqual(
      families.map(({ serviceCIDR }) => serviceCIDR),
      [cidr('0.0.0.0/32'), cidr('::/128')],
    )
  })

  test("takes the node's own range where that tells pods apart", () => {
    const { families } = planNodeFamilies(
      node(['172.30.0.11'], { podCIDRs: ['10.244.3.0/24'] }),
      ranges('10.96.0.0/16'),
      { clusterCIDRs: [], detectLocalMode: 'NodeCIDR' },
    )
    assert.deepEqual(families[0]?.podCIDR, cidr('10.244.3.0/24'))
  })

  test('masquerades nobody, and says so, where no range of pods is known', () => {
    const { families, warnings } = planNodeFamilies(
      node(['172.30.0.11']),
      ranges('10.96.0.0/16'),
      byCluster(),
    )
    assert.deepEqual(families[0]?.podCIDR, cidr('0.0.0.0/0'))
    assert.match(warnings.join(), /clients outside of the cluster are not masqueraded/)
  })

  test('lets bindAddress name the address', () => {
    const options = { ...byCluster('10.244.0.0/16'), bindAddress: ip('192.0.2.7') }
    const { families } = planNodeFamilies(node(['172.30.0.11']), ranges('10.96.0.0/16'), options)
    assert.deepEqual(
      families.map(({ nodeIP }) => nodeIP),
      ['192.0.2.7'],
    )
  })

  test('refuses a node that has nothing in common with the ClusterIPs', () =>
    assert.throws(
      () => planNodeFamilies(node(['172.30.0.11']), ranges('fd00:10:96::/112'), byCluster()),
      /^Error: Cannot serve node node1: it has no address of a family in which there are ClusterIPs/,
    ))

  test('a node that is going away gets no new traffic', () => {
    const going = { key: 'ToBeDeletedByClusterAutoscaler', effect: 'NoSchedule' as const }
    assert.deepEqual(
      [
        isEligible(node([])),
        isEligible(node([], { taints: [going] })),
        isEligible({ metadata: { name: 'n', deletionTimestamp: '2026-11-29T00:00:00Z' } }),
      ],
      [true, false, false],
    )
  })
})
