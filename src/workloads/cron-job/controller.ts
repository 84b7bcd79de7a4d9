import type { CronJob, CronJobStatus, Job } from '#api/batch.ts'
import { parseSchedule, type Schedule } from '#api/cron/parse-schedule.ts'
import { equalJSON } from '#api/json.ts'
import * as resources from '#api/resources.ts'
import type { API } from '#client/api.ts'
import { type Controller, isAlreadyExists, isNamespaceGone } from '#client/controller.ts'
import type { EventRecorder } from '#client/event-recorder.ts'
import type { WriteThroughInformer } from '#client/informer.ts'
import { formatTime } from '../conditions.ts'
import { isFinished } from '../job/plan-status.ts'
import { controllerOf } from '../ownership.ts'
import { makeJob, planHistory, planSchedule } from './plan.ts'

export interface CronJobDeps {
  readonly api: API
  readonly cronJobs: WriteThroughInformer<CronJob>
  readonly jobs: WriteThroughInformer<Job>
  readonly events: EventRecorder
  readonly now?: () => number
}

/** No timer is trusted for longer: clocks are set. */
const MAX_SLEEP_MS = 10 * 60_000

type Active = NonNullable<CronJobStatus['active']>

/** Makes a Job whenever a CronJob's schedule says so. Source: pkg/controller/cronjob/cronjob_controllerv2.go. */
export function cronJobController(deps: CronJobDeps): Controller {
  const { api, cronJobs, jobs, events, now = Date.now } = deps

  const ownJobs = (cronJob: CronJob) =>
    jobs
      .select(cronJob.metadata.namespace ?? '', {})
      .filter((job) => controllerOf(job)?.uid === cronJob.metadata.uid)

  async function setStatus(cronJob: CronJob, status: CronJobStatus): Promise<CronJob> {
    if (equalJSON(status, cronJob.status ?? {})) return cronJob
    const written = await api.update(resources.cronJobs, { ...cronJob, status }, 'status')
    cronJobs.remember(written)
    return written
  }

  async function removeJob(cronJob: CronJob, { metadata }: Job): Promise<void> {
    const { uid = '', name } = metadata
    const options = { propagationPolicy: 'Background', preconditions: { uid } } as const
    if (await api.delete(resources.jobs, metadata, options))
      events.event(cronJob, 'Normal', 'SuccessfulDelete', `Deleted job ${name}`)
  }

  /** Which Jobs run, and which ended since the last look. */
  function follow(cronJob: CronJob, own: readonly Job[]): CronJobStatus {
    const { status = {} } = cronJob
    const running = own.filter((job) => !isFinished(job))
    const listed = new Set((status.active ?? []).map(({ uid }) => uid))
    for (const job of own) {
      if (!listed.has(job.metadata.uid) || !isFinished(job)) continue
      const ended = (job.status?.conditions ?? []).find(
        ({ type, status }) => /^(Complete|Failed)$/.test(type) && status === 'True',
      )
      const message = `Saw completed job: ${job.metadata.name}, condition: ${ended?.type}`
      events.event(cronJob, 'Normal', 'SawCompletedJob', message)
    }
    const successes = own.flatMap(({ status }) => status?.completionTime ?? [])
    const latest = [status.lastSuccessfulTime ?? '', ...successes].toSorted().at(-1)
    const active: Active = running.map(referenceTo)
    const { active: _active, lastSuccessfulTime: _last, ...rest } = status
    return {
      ...rest,
      ...(active.length > 0 ? { active } : {}),
      ...(latest ? { lastSuccessfulTime: latest } : {}),
    }
  }

  async function start(cronJob: CronJob, at: number): Promise<void> {
    const running = ownJobs(cronJob).filter((job) => !isFinished(job))
    const { concurrencyPolicy } = cronJob.spec
    if (concurrencyPolicy === 'Forbid' && running.length > 0) {
      const message =
        'Not starting job because prior execution is running and concurrency policy is Forbid'
      events.event(cronJob, 'Normal', 'JobAlreadyActive', message)
      return
    }
    if (concurrencyPolicy === 'Replace') for (const job of running) await removeJob(cronJob, job)
    let made: Job
    try {
      made = await api.create(resources.jobs, makeJob(cronJob, at))
      jobs.remember(made)
      events.event(cronJob, 'Normal', 'SuccessfulCreate', `Created job ${made.metadata.name}`)
    } catch (error) {
      if (isNamespaceGone(error)) return
      if (!isAlreadyExists(error)) {
        const message = `Error creating job: ${(error as Error).message}`
        events.event(cronJob, 'Warning', 'FailedCreate', message)
        throw error
      }
      const existing = await api.get(resources.jobs, makeJob(cronJob, at).metadata)
      if (!existing || controllerOf(existing)?.uid !== cronJob.metadata.uid) throw error
      made = existing
    }
    const others = (cronJob.status?.active ?? []).filter(({ uid }) => uid !== made.metadata.uid)
    const kept = concurrencyPolicy === 'Replace' ? [] : others
    await setStatus(cronJob, {
      ...cronJob.status,
      active: [...kept, referenceTo(made)],
      lastScheduleTime: formatTime(at),
    })
  }

  function parse(cronJob: CronJob): Schedule | undefined {
    try {
      return parseSchedule(cronJob.spec.schedule)
    } catch (error) {
      const message = `unparseable schedule: ${cronJob.spec.schedule} : ${(error as Error).message}`
      events.event(cronJob, 'Warning', 'UnparseableSchedule', message)
      return undefined
    }
  }

  return {
    name: 'cronjob',
    informers: [cronJobs, jobs],
    start(enqueue) {
      const stops = [
        cronJobs.subscribe(({ object }) => enqueue(object.metadata)),
        jobs.subscribe(({ object }) => {
          const owner = controllerOf(object)
          if (owner?.kind === 'CronJob') enqueue({ ...object.metadata, name: owner.name })
        }),
      ]
      return () => stops.forEach((stop) => void stop())
    },
    async reconcile(key) {
      const found = cronJobs.get(key)
      if (!found) return
      for (const job of planHistory(found, ownJobs(found))) await removeJob(found, job)
      const cronJob = await setStatus(found, follow(found, ownJobs(found)))
      if (cronJob.metadata.deletionTimestamp !== undefined || cronJob.spec.suspend) return
      const schedule = parse(cronJob)
      if (!schedule) return
      const { at, next, missed } = planSchedule(cronJob, schedule, now())
      if (missed === 'many') {
        const message =
          'too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew'
        events.event(cronJob, 'Warning', 'TooManyMissedTimes', message)
      }
      if (at !== undefined) await start(cronJob, at)
      return next === undefined ? undefined : Math.min(MAX_SLEEP_MS, Math.max(0, next - now()) + 50)
    },
  }
}

const referenceTo = ({ metadata }: Job) => ({
  kind: 'Job',
  namespace: metadata.namespace ?? '',
  name: metadata.name,
  uid: metadata.uid ?? '',
  apiVersion: 'batch/v1',
  resourceVersion: metadata.resourceVersion ?? '',
})
