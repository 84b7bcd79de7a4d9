/** Expected counts: pkg/controller/disruption/disruption_test.go, v1.36. */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { Pod } from '#api/core.ts'
import type { PodDisruptionBudget } from '#api/policy.ts'
import { planBudget } from './plan.ts'

const NOW = Date.parse('2026-11-29T12:00:00Z')
const podOf = (name: string, isReady = true): Pod => ({
  metadata: { name, namespace: 'default' },
  spec: { containers: [] },
  status: { phase: 'Running', conditions: isReady ? [{ type: 'Ready', status: 'True' }] : [] },
})
const ready = (count: number) => Array.from({ length: count }, (_, index) => podOf(`p${index}`))

const rows: readonly {
  readonly name: string
  readonly spec: PodDisruptionBudget['spec']
  readonly pods: readonly Pod[]
  readonly expected: number
  readonly disrupted?: Readonly<Record<string, string>>
  /** allowed, healthy, desired, expected */
  readonly want: readonly [number, number, number, number]
}[] = [
  {
    name: 'minAvailable',
    spec: { minAvailable: 3 },
    pods: ready(4),
    expected: 4,
    want: [1, 4, 3, 4],
  },
  {
    name: 'minAvailable of too few',
    spec: { minAvailable: 3 },
    pods: ready(2),
    expected: 2,
    want: [0, 2, 3, 2],
  },
  {
    name: 'a share, rounded up',
    spec: { minAvailable: '30%' },
    pods: ready(10),
    expected: 10,
    want: [7, 10, 3, 10],
  },
  {
    name: 'a share of what the controller wants',
    spec: { minAvailable: '67%' },
    pods: ready(3),
    expected: 10,
    want: [0, 3, 7, 10],
  },
  {
    name: 'maxUnavailable',
    spec: { maxUnavailable: 1 },
    pods: ready(3),
    expected: 3,
    want: [1, 3, 2, 3],
  },
  {
    name: 'maxUnavailable in percent',
    spec: { maxUnavailable: '50%' },
    pods: ready(5),
    expected: 5,
    want: [3, 5, 2, 5],
  },
  {
    name: 'pods that are not ready',
    spec: { maxUnavailable: 1 },
    pods: [...ready(2), podOf('x', false)],
    expected: 3,
    want: [0, 2, 2, 3],
  },
  { name: 'no pods', spec: { maxUnavailable: 1 }, pods: [], expected: 0, want: [0, 0, 0, 0] },
  {
    name: 'a pod that was evicted just now',
    spec: { minAvailable: 1 },
    pods: ready(2),
    expected: 2,
    disrupted: { p0: '2026-11-29T11:59:30Z' },
    want: [0, 1, 1, 2],
  },
  {
    name: 'a pod whose eviction came to nothing',
    spec: { minAvailable: 1 },
    pods: ready(2),
    expected: 2,
    disrupted: { p0: '2026-11-29T11:57:00Z' },
    want: [1, 2, 1, 2],
  },
]

suite('planBudget() counts', () => {
  for (const { name, spec, pods, expected, disrupted, want } of rows) {
    test(name, () => {
      const budget: PodDisruptionBudget = {
        metadata: { name: 'b', namespace: 'default', generation: 1 },
        ...(spec ? { spec } : {}),
        ...(disrupted ? { status: { disruptedPods: disrupted } } : {}),
      }
      const { status } = planBudget(budget, pods, expected, NOW)
      const { disruptionsAllowed, currentHealthy, desiredHealthy, expectedPods } = status
      assert.deepEqual([disruptionsAllowed, currentHealthy, desiredHealthy, expectedPods], want)
      const [condition] = status.conditions ?? []
      assert.equal(condition?.reason, want[0] > 0 ? 'SufficientPods' : 'InsufficientPods')
    })
  }
})
