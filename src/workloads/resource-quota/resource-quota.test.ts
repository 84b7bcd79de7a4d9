import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { ResourceQuota } from '#api/limits.ts'
import { parseAmounts } from '#api/quota/amounts.ts'
import { configMaps, pods, resourceQuotas } from '#api/resources.ts'
import { createTestCluster } from '../testing-cluster.ts'
import { resourceQuotaController } from './controller.ts'
import { correct, countUse, noteDrift, planCorrection, planStatus } from './plan.ts'

const quota = (hard: Record<string, string>, status: ResourceQuota['status'] = {}) =>
  ({ metadata: { name: 'few', namespace: 'default', uid: 'u' }, spec: { hard }, status }) as const

const pod = (name: string, cpu: string, phase = 'Running') => ({
  metadata: { name, namespace: 'default' },
  spec: { containers: [{ name: 'c', resources: { requests: { cpu } } }] },
  status: { phase },
})

// pkg/controller/resourcequota/resource_quota_controller_test.go, TestSyncResourceQuota
test('what there is is counted, what is finished is not, and bounds come into force', () => {
  const held = quota({ pods: '5', cpu: '3', configmaps: '0' })
  const running = [pod('a', '200m'), pod('b', '200m')]
  const objects = [...running, pod('c', '1', 'Failed')]
  const counted = countUse(held, [{ resource: pods, objects }], 0)
  assert.deepEqual(planStatus(held, counted), {
    hard: held.spec.hard,
    used: { pods: '2', cpu: '400m' },
  })
})

test('what the API server has charged stands, and what is bounded no more goes', () => {
  const held = quota(
    { pods: '5' },
    { hard: { pods: '3', cpu: '1' }, used: { pods: '2', cpu: '1' } },
  )
  assert.deepEqual(planStatus(held, parseAmounts({ pods: '1' })), {
    hard: { pods: '5' },
    used: { pods: '2' },
  })
  const same = quota({ pods: '5' }, { hard: { pods: '5' }, used: { pods: '2' } })
  assert.equal(planStatus(same, parseAmounts({ pods: '1' })), undefined)
})

suite('a quota that says', () => {
  const held = quota({ pods: '5' }, { hard: { pods: '5' }, used: { pods: '3' } })
  const watch = (...looks: readonly (readonly [at: number, counted: string])[]) => {
    const seen = looks.reduce<ReturnType<typeof noteDrift> | undefined>(
      (drift, [at, pods]) => noteDrift(drift, held, parseAmounts({ pods }), at),
      undefined,
    )
    return planCorrection(seen!, looks.at(-1)![0])
  }
  const rows = [
    { name: 'too much for a moment stays', got: watch([0, '2'], [5_000, '2']), want: undefined },
    { name: 'too much for long is mended', got: watch([0, '1'], [30_000, '2']), want: '2' },
    {
      name: 'too much, but not all the time, stays',
      got: watch([0, '2'], [10_000, '3'], [30_000, '2']),
      want: undefined,
    },
    { name: 'too little is mended soon', got: watch([0, '4'], [1_000, '5']), want: '4' },
  ]
  for (const { name, got, want } of rows) {
    test(name, () => assert.equal(got && correct(held, got).status?.used?.pods, want))
  }
})

test('the controller counts, of kinds that nobody follows too', async () => {
  await using cluster = createTestCluster()
  await cluster.api.create(configMaps, { metadata: { name: 'a', namespace: 'default' } })
  await cluster.api.create(configMaps, { metadata: { name: 'b', namespace: 'other' } })
  await cluster.api.create(resourceQuotas, {
    metadata: { name: 'few', namespace: 'default' },
    spec: { hard: { configmaps: '3', 'count/configmaps': '4' } },
  })
  const quotas = cluster.follow(resourceQuotas)
  cluster.run(resourceQuotaController({ api: cluster.api, quotas, followed: [] }))
  await cluster.until('the quota is counted', async () => {
    const [found] = await cluster.list(resourceQuotas)
    return found?.status?.used?.configmaps === '1' && found.status.used['count/configmaps'] === '1'
  })
})
