import type { CronJob, Job } from '#api/batch.ts'
import { nextTime } from '#api/cron/next-time.ts'
import type { Schedule } from '#api/cron/parse-schedule.ts'
import { cronJobs } from '#api/resources.ts'
import { formatTime } from '../conditions.ts'
import { finishTime } from '../job/plan-status.ts'
import { controllerReference } from '../ownership.ts'

export interface Due {
  /** The newest time that passed without a Job, in milliseconds since 1970. */
  readonly at?: number
  /** When to look again. */
  readonly next?: number
  /** Of several that passed, all but the newest are lost. */
  readonly missed: 'none' | 'few' | 'many'
}

const MANY = 80
/** What is counted one by one; beyond, a schedule of every minute has been asleep for a week. */
const MAX_COUNTED = 10_000

/** What the schedule asks for now. Source: pkg/controller/cronjob/utils.go, mostRecentScheduleTime. */
export function planSchedule(cronJob: CronJob, schedule: Schedule, now: number): Due {
  const { metadata, spec, status } = cronJob
  const created = Date.parse(metadata.creationTimestamp ?? '') || now
  let from = status?.lastScheduleTime ? Date.parse(status.lastScheduleTime) : created
  const { startingDeadlineSeconds: deadline } = spec
  if (deadline !== undefined) from = Math.max(from, now - deadline * 1000)
  // After a long sleep only the end matters.
  const distant = 7 * 24 * 3_600_000
  if (now - from > distant && deadline === undefined) from = Math.max(from, now - distant)
  let at: number | undefined
  let count = 0
  let time = nextTime(schedule, from, spec.timeZone)
  for (; time !== undefined && time <= now && count < MAX_COUNTED; count++) {
    at = time
    time = nextTime(schedule, time, spec.timeZone)
  }
  const missed = count > MANY ? 'many' : count > 1 ? 'few' : 'none'
  return {
    missed,
    ...(at === undefined ? {} : { at }),
    ...(time === undefined ? {} : { next: time }),
  }
}

const SCHEDULED_AT = 'batch.kubernetes.io/cronjob-scheduled-timestamp'

/** The Job of one time: its name says which, so that two controllers cannot make two. */
export function makeJob(cronJob: CronJob, at: number): Job {
  const { name, namespace } = cronJob.metadata
  const { metadata, spec } = cronJob.spec.jobTemplate
  return {
    metadata: {
      name: jobName(name, at),
      ...(namespace === undefined ? {} : { namespace }),
      ...(metadata?.labels ? { labels: metadata.labels } : {}),
      annotations: { ...metadata?.annotations, [SCHEDULED_AT]: inZone(at, cronJob.spec.timeZone) },
      ownerReferences: [controllerReference(cronJobs, cronJob)],
    },
    spec,
  }
}

export const jobName = (cronJob: string, at: number) => `${cronJob}-${Math.floor(at / 60_000)}`

/** RFC 3339 in the schedule's zone, as Go prints it. */
function inZone(at: number, timeZone: string | undefined): string {
  if (timeZone === undefined || timeZone === 'UTC' || timeZone === 'Etc/UTC') return formatTime(at)
  const text = Temporal.Instant.fromEpochMilliseconds(at)
    .toZonedDateTimeISO(timeZone)
    .toString({ timeZoneName: 'never', fractionalSecondDigits: 0 })
  return text.replace(/\+00:00$/, 'Z')
}

/** Finished Jobs beyond what the CronJob keeps of each outcome, the oldest first. */
export function planHistory({ spec }: CronJob, jobs: readonly Job[]): readonly Job[] {
  const outcome = (job: Job, type: string) =>
    (job.status?.conditions ?? []).some((one) => one.type === type && one.status === 'True')
  const surplus = (type: string, limit: number) => {
    const ended = jobs.filter((job) => finishTime(job) !== undefined && outcome(job, type))
    const sorted = ended.toSorted((a, b) => startOf(a) - startOf(b))
    return sorted.slice(0, Math.max(0, sorted.length - limit))
  }
  return [
    ...surplus('Complete', spec.successfulJobsHistoryLimit ?? 3),
    ...surplus('Failed', spec.failedJobsHistoryLimit ?? 1),
  ]
}

const startOf = ({ metadata, status }: Job) =>
  Date.parse(status?.startTime ?? metadata.creationTimestamp ?? '') || 0
