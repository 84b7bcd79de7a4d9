import type { Job, JobStatus } from '#api/batch.ts'
import type { Pod } from '#api/core.ts'
import { equalJSON } from '#api/json.ts'
import { findCondition, formatTime, setCondition } from '../conditions.ts'
import { countersOf, type JobFacts, type Verdict } from './plan.ts'

type Conditions = NonNullable<JobStatus['conditions']>
type Uncounted = NonNullable<JobStatus['uncountedTerminatedPods']>

export const isFinished = ({ status }: Job) =>
  ['Complete', 'Failed'].some((type) => findCondition(status?.conditions, type)?.status === 'True')

/** When the Job got through, in milliseconds since 1970. */
export function finishTime({ status }: Job): number | undefined {
  const last = ['Complete', 'Failed'].map((type) => findCondition(status?.conditions, type))
  const time = last.find((condition) => condition?.status === 'True')?.lastTransitionTime
  return time === undefined ? undefined : Date.parse(time)
}

export interface Uncounting {
  /** Pods that ended and are counted with the next status, once they may go. */
  readonly uncounted: Uncounted
  /** Whether there is anything to count: then a status says so before the pods are let go. */
  readonly isNew: boolean
}

const uids = (pods: readonly Pod[]) => pods.map(({ metadata }) => metadata.uid ?? '')

export function planUncounted({ spec, status }: Job, facts: JobFacts): Uncounting {
  const { succeeded = [], failed = [] } = status?.uncountedTerminatedPods ?? {}
  // Indexes are remembered themselves.
  const newly = spec.completionMode === 'Indexed' ? [] : uids(facts.newlySucceeded)
  const all = {
    succeeded: [...new Set([...succeeded, ...newly])],
    failed: [...new Set([...failed, ...uids(facts.newlyFailed)])],
  }
  const uncounted = {
    ...(all.succeeded.length > 0 ? { succeeded: all.succeeded } : {}),
    ...(all.failed.length > 0 ? { failed: all.failed } : {}),
  }
  return { uncounted, isNew: facts.newlySucceeded.length + facts.newlyFailed.length > 0 }
}

/** The status while pods that ended are still held: nothing that was counted can be counted twice. */
export function holdingStatus(job: Job, facts: JobFacts, { uncounted }: Uncounting): JobStatus {
  const { status = {} } = job
  return {
    ...status,
    ...countersOf(job, facts),
    ...(job.spec.completionMode === 'Indexed' ? { succeeded: facts.succeeded } : {}),
    uncountedTerminatedPods: uncounted,
  }
}

/** The status when all that ended is counted, with what it means. */
export function settledStatus(
  job: Job,
  facts: JobFacts,
  verdict: Verdict | undefined,
  now: number,
): JobStatus {
  const { status = {}, spec } = job
  const counters = countersOf(job, facts)
  const isSettled = facts.active.length === 0 && facts.terminating.length === 0
  let conditions: Conditions = status.conditions ?? []
  let { startTime, completionTime } = status
  if (spec.suspend && !verdict) {
    conditions = say(conditions, 'Suspended', 'True', 'JobSuspended', 'Job suspended', now)
    startTime = undefined
  } else if (findCondition(conditions, 'Suspended')?.status === 'True') {
    conditions = say(conditions, 'Suspended', 'False', 'JobResumed', 'Job resumed', now)
    startTime = formatTime(now)
  }
  if (!spec.suspend) startTime ??= formatTime(now)
  if (verdict) {
    const { type, reason, message } = verdict
    const interim = type === 'Complete' ? 'SuccessCriteriaMet' : 'FailureTarget'
    conditions = say(conditions, interim, 'True', reason, message, now)
    if (isSettled) {
      conditions = say(conditions, type, 'True', reason, message, now)
      if (type === 'Complete') completionTime ??= formatTime(now)
      startTime ??= formatTime(now)
    }
  }
  return {
    ...(conditions.length > 0 ? { conditions } : {}),
    ...(startTime === undefined ? {} : { startTime }),
    ...(completionTime === undefined ? {} : { completionTime }),
    ...counters,
    ...(facts.succeeded > 0 ? { succeeded: facts.succeeded } : {}),
    ...(facts.failed > 0 ? { failed: facts.failed } : {}),
    uncountedTerminatedPods: {},
  }
}

function say(
  conditions: Conditions,
  type: string,
  status: string,
  reason: string,
  message: string,
  now: number,
): Conditions {
  const held = findCondition(conditions, type)
  if (held?.status === status && held.reason === reason) return conditions
  const condition = { type, status, reason, message, lastProbeTime: formatTime(now) }
  return setCondition(conditions, condition, now)
}

export const isSameStatus = (a: JobStatus | undefined, b: JobStatus) =>
  equalJSON(essence(a), essence(b))

/** Zero counts and their absence mean the same. */
const essence = ({ active = 0, ready = 0, terminating = 0, ...rest }: JobStatus = {}) => ({
  ...rest,
  uncountedTerminatedPods: rest.uncountedTerminatedPods ?? {},
  active,
  ready,
  terminating,
})
