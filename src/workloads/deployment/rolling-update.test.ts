import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { type Bounds, type Generation, planRollingUpdate, resolveBounds } from './rolling-update.ts'

suite('resolveBounds()', () => {
  // Source: pkg/controller/deployment/util/deployment_util_test.go TestResolveFenceposts, and the API's documentation.
  const cases: readonly {
    name: string
    surge: number | string
    unavailable: number | string
    replicas: number
    want: Bounds
  }[] = [
    {
      name: 'surge rounds up, unavailable down',
      surge: '25%',
      unavailable: '25%',
      replicas: 3,
      want: { surge: 1, unavailable: 0 },
    },
    {
      name: 'exact percentages',
      surge: '25%',
      unavailable: '25%',
      replicas: 4,
      want: { surge: 1, unavailable: 1 },
    },
    {
      name: 'ten pods at 25 %',
      surge: '25%',
      unavailable: '25%',
      replicas: 10,
      want: { surge: 3, unavailable: 2 },
    },
    { name: 'numbers', surge: 2, unavailable: 3, replicas: 10, want: { surge: 2, unavailable: 3 } },
    {
      name: 'both nothing: one may be missing',
      surge: 0,
      unavailable: 0,
      replicas: 10,
      want: { surge: 0, unavailable: 1 },
    },
    {
      name: 'both round to nothing',
      surge: '0%',
      unavailable: '10%',
      replicas: 5,
      want: { surge: 0, unavailable: 1 },
    },
    {
      name: 'never more missing than there are',
      surge: 1,
      unavailable: 10,
      replicas: 3,
      want: { surge: 1, unavailable: 3 },
    },
  ]
  for (const { name, surge, unavailable, replicas, want } of cases) {
    test(name, () => {
      const strategy = {
        type: 'RollingUpdate',
        rollingUpdate: { maxSurge: surge, maxUnavailable: unavailable },
      } as const
      assert.deepEqual(resolveBounds({ replicas, strategy }), want)
    })
  }
})

suite('planRollingUpdate()', () => {
  const set = (name: string, wanted: number, available = wanted): Generation => ({
    name,
    wanted,
    available,
  })
  // Source: pkg/controller/deployment/rolling_test.go, TestDeploymentController_reconcile{New,Old}ReplicaSet(s).
  const cases: readonly {
    name: string
    replicas: number
    bounds: Bounds
    current: Generation
    old?: readonly Generation[]
    want: Readonly<Record<string, number>>
  }[] = [
    {
      name: 'a first rollout starts at full size',
      replicas: 3,
      bounds: { surge: 1, unavailable: 0 },
      current: set('new', 0),
      want: { new: 3 },
    },
    {
      name: 'no surge, old at full size: the new one waits, the old shrinks',
      replicas: 10,
      bounds: { surge: 0, unavailable: 2 },
      current: set('new', 0),
      old: [set('old', 10)],
      want: { old: 8 },
    },
    {
      name: 'surge of two',
      replicas: 10,
      bounds: { surge: 2, unavailable: 0 },
      current: set('new', 0),
      old: [set('old', 10)],
      want: { new: 2 },
    },
    {
      name: 'as many as the old ones leave room for',
      replicas: 10,
      bounds: { surge: 2, unavailable: 0 },
      current: set('new', 0),
      old: [set('old', 5)],
      want: { new: 7 },
    },
    {
      name: 'the new one too large shrinks',
      replicas: 10,
      bounds: { surge: 0, unavailable: 2 },
      current: set('new', 11),
      old: [set('old', 1)],
      want: { new: 10 },
    },
    {
      name: 'full surge: wait for the new pods',
      replicas: 10,
      bounds: { surge: 2, unavailable: 0 },
      current: set('new', 2, 0),
      old: [set('old', 10)],
      want: {},
    },
    {
      name: 'new pods are there: as many old ones go',
      replicas: 10,
      bounds: { surge: 2, unavailable: 0 },
      current: set('new', 2, 2),
      old: [set('old', 10)],
      want: { old: 8 },
    },
    {
      name: 'unhealthy old pods go first, and do not count as available',
      replicas: 10,
      bounds: { surge: 0, unavailable: 2 },
      current: set('new', 0),
      old: [set('old', 10, 8)],
      want: { old: 8 },
    },
    {
      name: 'of several old ones the unhealthy first',
      replicas: 4,
      bounds: { surge: 0, unavailable: 1 },
      current: set('new', 0),
      old: [set('a', 3), set('b', 1, 0)],
      want: { b: 0 },
    },
    {
      name: 'the last old pod goes',
      replicas: 3,
      bounds: { surge: 1, unavailable: 0 },
      current: set('new', 3, 3),
      old: [set('old', 1)],
      want: { old: 0 },
    },
    {
      name: 'nothing to do',
      replicas: 3,
      bounds: { surge: 1, unavailable: 0 },
      current: set('new', 3),
      old: [set('old', 0)],
      want: {},
    },
    {
      name: 'scaled to nothing',
      replicas: 0,
      bounds: { surge: 0, unavailable: 1 },
      current: set('new', 3),
      want: { new: 0 },
    },
  ]
  for (const { name, replicas, bounds, current, old = [], want } of cases) {
    test(name, () =>
      assert.deepEqual(Object.fromEntries(planRollingUpdate(replicas, bounds, current, old)), want),
    )
  }
})
