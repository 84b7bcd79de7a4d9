/** Expected behaviour: pkg/controller/cronjob/cronjob_controllerv2_test.go and utils_test.go, v1.36. */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { CronJob, Job } from '#api/batch.ts'
import { parseSchedule } from '#api/cron/parse-schedule.ts'
import * as resources from '#api/resources.ts'
import { createTestCluster, eventsOf } from '../testing-cluster.ts'
import { cronJobController } from './controller.ts'
import { makeJob, planHistory, planSchedule } from './plan.ts'

const at = (time: string) => Date.parse(`2026-11-29T${time}Z`)
const cronJobOf = (
  spec: Partial<CronJob['spec']> = {},
  status: CronJob['status'] = {},
): CronJob => ({
  metadata: {
    name: 'tick',
    namespace: 'default',
    uid: 'cron',
    creationTimestamp: '2026-11-29T10:00:30Z',
  },
  spec: {
    schedule: '0 * * * *',
    jobTemplate: { spec: { template: { spec: { containers: [] } } } },
    ...spec,
  },
  status,
})

suite('planSchedule()', () => {
  const rows = [
    { name: 'waits for the first time', now: '10:30:00', want: [undefined, '11:00:00', 'none'] },
    { name: 'is due on time', now: '11:00:00', want: ['11:00:00', '12:00:00', 'none'] },
    {
      name: 'takes the newest of several that passed',
      now: '13:10:00',
      want: ['13:00:00', '14:00:00', 'few'],
    },
    {
      name: 'is not due twice',
      now: '11:30:00',
      last: '11:00:00',
      want: [undefined, '12:00:00', 'none'],
    },
    {
      name: 'gives up what is too late',
      now: '11:30:00',
      deadline: 60,
      want: [undefined, '12:00:00', 'none'],
    },
  ] as const
  for (const { name, now, want, ...rest } of rows) {
    test(name, () => {
      const spec = 'deadline' in rest ? { startingDeadlineSeconds: rest.deadline } : {}
      const status = 'last' in rest ? { lastScheduleTime: `2026-11-29T${rest.last}Z` } : {}
      const plan = planSchedule(cronJobOf(spec, status), parseSchedule('0 * * * *'), at(now))
      const [due, next, missed] = want
      assert.deepEqual([plan.at, plan.next, plan.missed], [due && at(due), at(next), missed])
    })
  }
})

test('a Job is named after its minute, and says its time in the zone of the schedule', () => {
  const { metadata } = makeJob(cronJobOf({ timeZone: 'Asia/Tokyo' }), at('11:00:00'))
  assert.equal(metadata.name, `tick-${at('11:00:00') / 60_000}`)
  assert.deepEqual(metadata.annotations, {
    'batch.kubernetes.io/cronjob-scheduled-timestamp': '2026-11-29T20:00:00+09:00',
  })
})

test('the oldest of too many finished Jobs go, by outcome', () => {
  const ended = (name: string, type: 'Complete' | 'Failed', hour: number): Job => ({
    metadata: { name, creationTimestamp: `2026-11-29T0${hour}:00:00Z` },
    spec: { template: { spec: { containers: [] } } },
    status: {
      startTime: `2026-11-29T0${hour}:00:00Z`,
      conditions: [{ type, status: 'True', lastTransitionTime: `2026-11-29T0${hour}:30:00Z` }],
    },
  })
  const jobs = [1, 2, 3, 4, 5].map((hour) => ended(`ok${hour}`, 'Complete', hour))
  const failed = [6, 7].map((hour) => ended(`bad${hour}`, 'Failed', hour))
  const gone = planHistory(cronJobOf(), [...failed, ...jobs]).map(({ metadata }) => metadata.name)
  assert.deepEqual(gone, ['ok1', 'ok2', 'bad6'])
})

suite('a CronJob', () => {
  for (const policy of ['Allow', 'Forbid', 'Replace'] as const) {
    test(`with ${policy}, while its last Job runs`, async () => {
      await using cluster = createTestCluster()
      const { api } = cluster
      let now = Date.now()
      const { uid: _, creationTimestamp: __, ...metadata } = cronJobOf().metadata
      const { spec } = cronJobOf({ schedule: '@every 1m', concurrencyPolicy: policy })
      const cronJobs = cluster.follow(resources.cronJobs)
      cluster.run(
        cronJobController({
          api,
          cronJobs,
          jobs: cluster.follow(resources.jobs),
          events: eventsOf(api, 'cronjob-controller'),
          now: () => now,
        }),
      )
      await api.create(resources.cronJobs, { metadata, spec })
      const wake = async (number: number) => {
        now += 61_000
        const patch = { metadata: { annotations: { look: String(number) } } }
        await api.patch(resources.cronJobs, metadata, 'merge', patch)
      }
      await wake(1)
      await cluster.until(
        'a Job is there',
        async () => (await cluster.list(resources.jobs)).length === 1,
      )
      const [first] = await cluster.list(resources.jobs)
      await wake(2)
      const isSo = async () => {
        const names = (await cluster.list(resources.jobs)).map(({ metadata }) => metadata.name)
        const refused = api.requests.filter((line) => line.startsWith('create events')).length
        if (policy === 'Allow') return names.length === 2
        if (policy === 'Replace') return names.length === 1 && names[0] !== first?.metadata.name
        return names.length === 1 && refused >= 2
      }
      await cluster.until('the policy is kept', isSo)
    })
  }

  // pkg/controller/cronjob/cronjob_controllerv2.go, syncCronJob: suspended, it starts nothing
  test('starts nothing while it is suspended, and one Job when it goes on', async () => {
    await using cluster = createTestCluster()
    const { api } = cluster
    let now = Date.now()
    const cronJobs = cluster.follow(resources.cronJobs)
    const jobs = cluster.follow(resources.jobs)
    const events = eventsOf(api, 'cronjob-controller')
    cluster.run(cronJobController({ api, cronJobs, jobs, events, now: () => now }))
    const { uid: _, creationTimestamp: __, ...metadata } = cronJobOf().metadata
    const { spec } = cronJobOf({ schedule: '@every 1m' })
    await api.create(resources.cronJobs, { metadata, spec: { ...spec, suspend: true } })
    const witness = { ...metadata, name: 'witness' }
    await api.create(resources.cronJobs, { metadata: witness, spec })
    now += 181_000
    for (const one of [metadata, witness]) {
      const patch = { metadata: { annotations: { look: 'now' } } }
      await api.patch(resources.cronJobs, one, 'merge', patch)
    }
    const namesOf = async () =>
      (await cluster.list(resources.jobs)).map(({ metadata: { name } }) => name.split('-')[0])
    await cluster.until('the other runs', async () => (await namesOf()).length > 0)
    assert.deepEqual(await namesOf(), ['witness'])
    await api.patch(resources.cronJobs, metadata, 'merge', { spec: { suspend: false } })
    await cluster.until('it goes on', async () => (await namesOf()).length === 2)
    assert.deepEqual((await namesOf()).toSorted(), [metadata.name, 'witness'])
  })
})
