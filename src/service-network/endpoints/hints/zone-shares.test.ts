import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { Node } from '#api/core.ts'
import { allocate, zoneShares } from './zone-shares.ts'

const CONTROL_PLANE = { 'node-role.kubernetes.io/control-plane': '' }

function node(zone: string, cpu: string, ready = true, more: Record<string, string> = {}): Node {
  return {
    metadata: {
      name: 'n',
      labels: { ...more, ...(zone && { 'topology.kubernetes.io/zone': zone }) },
    },
    status: {
      allocatable: { cpu },
      conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }],
    },
  }
}

suite('zoneShares()', () => {
  // Source of all rows but the last two: kubernetes/endpointslice topologycache_test.go, TestSetNodes.
  const rows: readonly {
    name: string
    nodes: readonly Node[]
    want?: Readonly<Record<string, number>>
  }[] = [
    { name: 'of no node', nodes: [] },
    { name: 'of one node', nodes: [node('a', '1000m')] },
    { name: 'of one zone', nodes: [node('a', '1000m'), node('a', '1000m')] },
    { name: 'of two zones', nodes: [node('a', '1000m'), node('b', '1')], want: { a: 0.5, b: 0.5 } },
    { name: 'without unready nodes', nodes: [node('a', '1000m', false), node('b', '1000m')] },
    {
      name: 'without the control plane',
      nodes: [node('a', '1000m'), node('b', '1000m', true, CONTROL_PLANE)],
    },
    {
      name: 'of two zones, one with an unready node',
      nodes: [node('a', '1000m'), node('b', '1000m'), node('b', '1000m', false)],
      want: { a: 0.5, b: 0.5 },
    },
    {
      name: 'of three zones of seven nodes',
      nodes: [
        ...[node('a', '1000m'), node('a', '1000m'), node('a', '1000m'), node('a', '2000m')],
        ...[node('b', '3000m'), node('b', '1500m'), node('c', '500m')],
      ],
      want: { a: 0.5, b: 0.45, c: 0.05 },
    },
    // Source: topologycache.go, SetNodes: one node without zone or CPU ends it.
    { name: 'where a node has no zone', nodes: [node('a', '1'), node('b', '1'), node('', '1')] },
    { name: 'where a node has no CPUs', nodes: [node('a', '1'), node('b', '1'), node('c', '0')] },
  ]
  for (const { name, nodes, want } of rows) {
    test(name, () => {
      const shares = zoneShares(nodes)
      assert.deepEqual(shares && Object.fromEntries(shares), want)
    })
  }
})

suite('allocate()', () => {
  const shares = (...values: readonly number[]) =>
    new Map(values.map((share, index) => [`zone-${'abc'[index]}`, share]))

  // Source: topologycache.go, getAllocations, with the texts of event.go.
  test('names the reason where nodes do not say enough', () =>
    assert.deepEqual(allocate(undefined, 9), {
      fault:
        'Insufficient Node information: allocatable CPU or zone not specified on one or more nodes',
    }))

  test('names the counts where there are fewer endpoints than zones', () =>
    assert.deepEqual(allocate(shares(0.3, 0.4, 0.3), 2), {
      fault: 'Insufficient number of endpoints (2 endpoints, 3 zones)',
    }))

  test('refuses what would overload an endpoint', () =>
    assert.deepEqual(allocate(shares(0.35, 0.35, 0.3), 4), {
      fault:
        'Unable to allocate minimum required endpoints to each zone without exceeding overload threshold (4 endpoints, 3 zones)',
    }))

  test('gives each zone at least its share less a sixth', () => {
    const allocations = allocate(shares(0.35, 0.35, 0.3), 10)
    assert.ok(!('fault' in allocations))
    // 10 * 0.35 / 1.2 = 2.9, 10 * 0.3 / 1.2 = 2.5: three each, and one to spare.
    assert.deepEqual(
      [...allocations.values()].map(({ minimum, maximum, desired }) => [minimum, maximum, desired]),
      [
        [3, 4, 3.5],
        [3, 4, 3.5],
        [3, 4, 3],
      ],
    )
  })
})
