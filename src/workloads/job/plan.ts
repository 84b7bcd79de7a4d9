import type { Job, JobStatus } from '#api/batch.ts'
import type { Pod } from '#api/core.ts'
import { expandIndexes, formatIndexes, parseIndexes } from '#api/job-indexes.ts'
import { findCondition } from '../conditions.ts'
import { failedIndexesOf, judgeFailure } from './failure-policy.ts'
import {
  failuresBefore,
  finishedAt,
  type IndexFailures,
  indexOf,
  isActive,
  isFailed,
  isSucceeded,
  isTerminating,
  isTracked,
} from './pod-facts.ts'

/** What is so, from the Job's status and the pods that were not counted yet. */
export interface JobFacts {
  readonly active: readonly Pod[]
  readonly terminating: readonly Pod[]
  readonly ready: number
  /** Ended, and not counted yet. */
  readonly newlySucceeded: readonly Pod[]
  readonly newlyFailed: readonly Pod[]
  readonly succeeded: number
  readonly failed: number
  readonly succeededIndexes: ReadonlySet<number>
  readonly failedIndexes: ReadonlySet<number>
  /** By index; none for those that have not failed. */
  readonly failures: ReadonlyMap<number, IndexFailures>
}

const isIndexed = ({ spec }: Job) => spec.completionMode === 'Indexed'

function readIndexes(text: string | undefined, completions: number): ReadonlySet<number> {
  try {
    return expandIndexes(parseIndexes(text ?? '', completions))
  } catch {
    return new Set() // written by somebody else
  }
}

/** @param pods All that the Job owns. */
export function factsOf(job: Job, pods: readonly Pod[]): JobFacts {
  const { status = {}, spec } = job
  const { completions = 0 } = spec
  const uncounted = new Set([
    ...(status.uncountedTerminatedPods?.succeeded ?? []),
    ...(status.uncountedTerminatedPods?.failed ?? []),
  ])
  const isNew = (pod: Pod) => isTracked(pod) && !uncounted.has(pod.metadata.uid ?? '')
  const ended = pods.filter(isNew)
  const before = readIndexes(status.completedIndexes, completions)
  const newlySucceeded = ended.filter(isSucceeded).filter((pod) => counts(job, pod, before))
  const newlyFailed = ended
    .filter((pod) => !isSucceeded(pod) && isFailed(pod, job))
    .filter((pod) => judgeFailure(job, pod).action !== 'Ignore')
  const succeededIndexes = isIndexed(job)
    ? new Set([...before, ...newlySucceeded.flatMap((pod) => indexOf(pod) ?? [])])
    : before
  const failures = countFailures(pods, job)
  const failedNow = failedIndexesOf(
    job,
    pods.filter((pod) => isFailed(pod, job)),
    failures,
  )
  const failedIndexes = new Set(
    [...readIndexes(status.failedIndexes, completions), ...failedNow].filter(
      (index) => !succeededIndexes.has(index),
    ),
  )
  const left = status.uncountedTerminatedPods
  return {
    active: pods.filter(isActive),
    terminating: pods.filter(isTerminating),
    ready: pods.filter((pod) => isActive(pod) && isReady(pod)).length,
    newlySucceeded,
    newlyFailed,
    succeeded: isIndexed(job)
      ? succeededIndexes.size
      : (status.succeeded ?? 0) + (left?.succeeded?.length ?? 0) + newlySucceeded.length,
    failed: (status.failed ?? 0) + (left?.failed?.length ?? 0) + newlyFailed.length,
    succeededIndexes,
    failedIndexes,
    failures,
  }
}

const isReady = ({ status }: Pod) => findCondition(status?.conditions, 'Ready')?.status === 'True'

/** Of several pods with one index, one counts. */
function counts(job: Job, pod: Pod, done: ReadonlySet<number>): boolean {
  if (!isIndexed(job)) return true
  const index = indexOf(pod)
  return index !== undefined && index < (job.spec.completions ?? 0) && !done.has(index)
}

/** How often each index has failed: its last pod knows of those before, and is kept until there is another. */
function countFailures(pods: readonly Pod[], job: Job): ReadonlyMap<number, IndexFailures> {
  const most = new Map<number, IndexFailures>()
  for (const pod of pods) {
    const index = indexOf(pod)
    if (index === undefined || !isFailed(pod, job)) continue
    const { counted, ignored } = failuresBefore(pod)
    const isIgnored = judgeFailure(job, pod).action === 'Ignore'
    const now = isIgnored ? { counted, ignored: ignored + 1 } : { counted: counted + 1, ignored }
    const held = most.get(index)
    if (!held || now.counted + now.ignored > held.counted + held.ignored) most.set(index, now)
  }
  return most
}

export interface Verdict {
  readonly type: 'Complete' | 'Failed'
  readonly reason: string
  readonly message: string
}

const failed = (reason: string, message: string): Verdict => ({ type: 'Failed', reason, message })

/** Whether the Job is through, one way or the other. Source: pkg/controller/job/job_controller.go, syncJob. */
export function judgeJob(job: Job, facts: JobFacts, now: number) {
  const { spec, status = {} } = job
  const target = findCondition(status.conditions, 'FailureTarget')
  if (target?.status === 'True') return failed(target.reason ?? '', target.message ?? '')
  const met = findCondition(status.conditions, 'SuccessCriteriaMet')
  if (met?.status === 'True')
    return { type: 'Complete', reason: met.reason ?? '', message: met.message ?? '' } as const
  for (const pod of facts.newlyFailed) {
    const { action, message = '' } = judgeFailure(job, pod)
    if (action === 'FailJob') return failed('PodFailurePolicy', message)
  }
  const limit = spec.backoffLimit ?? 6
  if (facts.failed > limit || isRestartedTooOften(job, facts.active, limit))
    return failed('BackoffLimitExceeded', 'Job has reached the specified backoff limit')
  const { startTime } = status
  const deadline = spec.activeDeadlineSeconds
  if (deadline !== undefined && startTime && !spec.suspend) {
    if (now - Date.parse(startTime) >= deadline * 1000)
      return failed('DeadlineExceeded', 'Job was active longer than specified deadline')
  }
  return judgeIndexes(job, facts) ?? judgeSuccess(job, facts)
}

function judgeIndexes({ spec }: Job, { failedIndexes, succeededIndexes }: JobFacts) {
  if (spec.backoffLimitPerIndex === undefined) return undefined
  const { maxFailedIndexes, completions = 0 } = spec
  if (maxFailedIndexes !== undefined && failedIndexes.size > maxFailedIndexes) {
    const message = 'Job has exceeded the specified maximal number of failed indexes'
    return failed('MaxFailedIndexesExceeded', message)
  }
  const isThrough =
    failedIndexes.size > 0 && failedIndexes.size + succeededIndexes.size >= completions
  return isThrough ? failed('FailedIndexes', 'Job has failed indexes') : undefined
}

function judgeSuccess(job: Job, facts: JobFacts): Verdict | undefined {
  const { spec } = job
  for (const [index, rule] of (spec.successPolicy?.rules ?? []).entries()) {
    const among = rule.succeededIndexes
      ? readIndexes(rule.succeededIndexes, spec.completions ?? 0)
      : undefined
    const done = [...facts.succeededIndexes].filter((one) => !among || among.has(one)).length
    const needed = rule.succeededCount ?? among?.size ?? Number.POSITIVE_INFINITY
    if (done >= needed)
      return {
        type: 'Complete',
        reason: 'SuccessPolicy',
        message: `Matched rules at index ${index}`,
      }
  }
  const isDone =
    spec.completions === undefined
      ? facts.succeeded > 0 && facts.active.length === 0
      : facts.succeeded >= spec.completions
  if (!isDone || spec.suspend) return undefined
  const message = 'Reached expected number of succeeded pods'
  return { type: 'Complete', reason: 'CompletionsReached', message }
}

/** With OnFailure, containers restart in their pods: those count too. */
function isRestartedTooOften({ spec }: Job, active: readonly Pod[], limit: number): boolean {
  if (spec.template.spec.restartPolicy !== 'OnFailure') return false
  const restarts = active
    .filter(({ status }) => status?.phase === 'Running' || status?.phase === 'Pending')
    .flatMap(({ status }) => [
      ...(status?.containerStatuses ?? []),
      ...(status?.initContainerStatuses ?? []),
    ])
    .reduce((sum, { restartCount }) => sum + restartCount, 0)
  return limit === 0 ? restarts > 0 : restarts >= limit
}

export interface PodsPlan {
  /** A pod each: its index, or undefined where pods have none. */
  readonly create: readonly (number | undefined)[]
  readonly remove: readonly Pod[]
  /** Pods that failed are replaced after a while, in so many milliseconds. */
  readonly againIn?: number
}

const BURST = 500
const BACKOFF_MS = 10_000
const MAX_BACKOFF_MS = 600_000

/** How many pods to make or to delete, while the Job goes on. */
export function planPods(job: Job, facts: JobFacts, pods: readonly Pod[], now: number): PodsPlan {
  const { spec } = job
  const { active, terminating, succeeded } = facts
  if (spec.suspend) return { create: [], remove: active }
  const { parallelism = 1, completions } = spec
  const held = spec.podReplacementPolicy === 'Failed' ? terminating.length : 0
  const left =
    completions === undefined
      ? succeeded > 0
        ? active.length
        : parallelism
      : completions - succeeded - facts.failedIndexes.size
  const wanted = Math.max(0, Math.min(left, parallelism))
  if (active.length > wanted) return { create: [], remove: byAge(active).slice(wanted) }
  const missing = Math.min(BURST, wanted - active.length - held)
  if (missing <= 0) return { create: [], remove: [] }
  const wait = backoffOf(job, pods, now)
  if (wait > 0) return { create: [], remove: [], againIn: wait }
  const create = isIndexed(job)
    ? nextIndexes(job, facts, missing)
    : Array.from({ length: missing }, () => undefined)
  return { create, remove: [] }
}

/** Those that do least yet go first. */
const byAge = (pods: readonly Pod[]) =>
  pods.toSorted((a, b) => {
    const key = ({ metadata, spec, status }: Pod) =>
      `${spec.nodeName ? 0 : 1} ${status?.phase === 'Running' ? 0 : 1} ${metadata.creationTimestamp ?? ''}`
    return key(a) < key(b) ? -1 : 1
  })

function nextIndexes({ spec }: Job, facts: JobFacts, count: number): readonly number[] {
  const { completions = 0 } = spec
  const busy = new Set([
    ...facts.active.flatMap((pod) => indexOf(pod) ?? []),
    ...(spec.podReplacementPolicy === 'Failed'
      ? facts.terminating.flatMap((pod) => indexOf(pod) ?? [])
      : []),
  ])
  const next: number[] = []
  for (let index = 0; index < completions && next.length < count; index++) {
    const isThrough = facts.succeededIndexes.has(index) || facts.failedIndexes.has(index)
    if (!isThrough && !busy.has(index)) next.push(index)
  }
  return next
}

/** 10 s after a failure, and twice as long after each further one without a success between. */
function backoffOf(job: Job, pods: readonly Pod[], now: number): number {
  const ends = pods
    .filter((pod) => isSucceeded(pod) || isFailed(pod, job))
    .map((pod) => ({ at: finishedAt(pod), isBad: !isSucceeded(pod) }))
    .toSorted((a, b) => b.at - a.at)
  const good = ends.findIndex(({ isBad }) => !isBad)
  const bad = good < 0 ? ends.length : good
  if (bad === 0) return 0
  const delay = Math.min(MAX_BACKOFF_MS, BACKOFF_MS * 2 ** Math.min(20, bad - 1))
  return Math.max(0, ends[0]!.at + delay - now)
}

/** The counters of a status; conditions and times are the caller's. */
export function countersOf(job: Job, facts: JobFacts): JobStatus {
  const { completions } = job.spec
  return {
    active: facts.active.length,
    ready: facts.ready,
    terminating: facts.terminating.length,
    ...(isIndexed(job) && completions !== undefined
      ? { completedIndexes: formatIndexes(facts.succeededIndexes) }
      : {}),
    ...(job.spec.backoffLimitPerIndex === undefined
      ? {}
      : { failedIndexes: formatIndexes(facts.failedIndexes) }),
  }
}
