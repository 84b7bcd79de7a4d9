/** Rules of a Job's status, which keep other controllers than ours to what clients expect. Source: batch/validation v1.36. */
import type { Job } from '../batch.ts'
import { duplicate, type FieldError, invalid, omitted, required } from '../field-error.ts'
import { overlapOf, parseIndexes } from '../job-indexes.ts'
import { equalJSON } from '../json.ts'
import { validateCounts } from './deployment.ts'

type Status = NonNullable<Job['status']>

const has = ({ conditions = [] }: Status, type: string) =>
  conditions.some((condition) => condition.type === type && condition.status === 'True')

const isFinished = (status: Status) => has(status, 'Complete') || has(status, 'Failed')

/** What broke a rule before, and is not touched now, may stay. */
export function validateJobStatus(job: Job, old: Job): FieldError[] {
  const now = job.status ?? {}
  const before = old.status ?? {}
  return [
    ...validateCounts(now, ['active', 'succeeded', 'failed', 'ready', 'terminating']),
    ...validateUncounted(now),
    ...validateConditions(now, before),
    ...validateTimes(job, now, before),
    ...validateFinished(job, now, before),
    ...validateIndexes(job, now, before),
    ...validateChange(job, now, before),
  ]
}

function validateUncounted({ uncountedTerminatedPods = {} }: Status): FieldError[] {
  const seen = new Set<string>()
  return (['succeeded', 'failed'] as const).flatMap((key) =>
    (uncountedTerminatedPods[key] ?? []).flatMap((uid, index) => {
      const field = `status.uncountedTerminatedPods.${key}[${index}]`
      if (uid === '') return [invalid(field, uid, 'must not be empty')]
      if (seen.has(uid)) return [duplicate(field, uid)]
      seen.add(uid)
      return []
    }),
  )
}

const conditionsError = (detail: string) => invalid('status.conditions', omitted, detail)

function validateConditions(now: Status, before: Status): FieldError[] {
  const changed = (type: string) => has(now, type) !== has(before, type)
  const [isComplete, isFailed] = [has(now, 'Complete'), has(now, 'Failed')]
  const [isMet, isTarget] = [has(now, 'SuccessCriteriaMet'), has(now, 'FailureTarget')]
  const rules: readonly (readonly [boolean, string])[] = [
    [
      (changed('Complete') || changed('Failed')) && isComplete && isFailed,
      'cannot set Complete=True and Failed=true conditions',
    ],
    [
      (changed('Complete') || changed('FailureTarget')) && isComplete && isTarget,
      'cannot set Complete=True and FailureTarget=true conditions',
    ],
    [
      changed('Failed') && isFailed && !isTarget,
      'cannot set Failed=True condition without the FailureTarget=true condition',
    ],
    [
      (changed('Complete') || changed('SuccessCriteriaMet')) && isComplete && !isMet,
      'cannot set Complete=True condition without the SuccessCriteriaMet=true condition',
    ],
    [isMet && isFailed, 'cannot set SuccessCriteriaMet=True and Failed=true conditions'],
    [isMet && isTarget, 'cannot set SuccessCriteriaMet=True and FailureTarget=true conditions'],
    ...['Failed', 'Complete', 'FailureTarget'].map(
      (type) =>
        [
          has(before, type) && !has(now, type),
          `cannot disable the terminal ${type}=True condition`,
        ] as const,
    ),
    [
      has(before, 'SuccessCriteriaMet') && !isMet,
      'cannot disable the SuccessCriteriaMet=True condition',
    ],
  ]
  return rules.filter(([isBroken]) => isBroken).map(([, detail]) => conditionsError(detail))
}

function validateTimes({ spec }: Job, now: Status, before: Status): FieldError[] {
  const { startTime, completionTime } = now
  const at = 'status.completionTime'
  const touched =
    completionTime !== before.completionTime || has(now, 'Complete') !== has(before, 'Complete')
  const isResuming = has(before, 'Suspended') && !has(now, 'Suspended')
  const errors: FieldError[] = []
  if (touched && completionTime !== undefined && !has(now, 'Complete')) {
    const detail = 'cannot set completionTime when there is no Complete=True condition'
    errors.push(invalid(at, completionTime, detail))
  }
  if (touched && completionTime === undefined && has(now, 'Complete')) {
    errors.push(required(at, 'completionTime is required for Complete jobs'))
  }
  if (startTime && completionTime && Date.parse(completionTime) < Date.parse(startTime)) {
    errors.push(invalid(at, completionTime, 'must be equal to or after `startTime`'))
  }
  if (completionTime && before.completionTime && completionTime !== before.completionTime) {
    errors.push(invalid(at, completionTime, 'field is immutable'))
  }
  if (before.startTime && startTime !== before.startTime && !spec.suspend && !isResuming) {
    const detail = 'field is immutable for unsuspended job once set'
    errors.push(invalid('status.startTime', startTime, detail))
  }
  return errors
}

function validateFinished({ spec }: Job, now: Status, before: Status): FieldError[] {
  if (!isFinished(now)) return []
  const became = !isFinished(before)
  const { active = 0, terminating = 0, startTime, uncountedTerminatedPods: uncounted } = now
  const left = (uncounted?.failed?.length ?? 0) + (uncounted?.succeeded?.length ?? 0)
  const isEmpty = spec.suspend === true && spec.completions === 0
  return [
    ...(active > 0 && (became || active !== before.active)
      ? [invalid('status.active', active, 'active>0 is invalid for finished job')]
      : []),
    ...(!startTime && !isEmpty && (became || startTime !== before.startTime)
      ? [required('status.startTime', 'startTime is required for finished job')]
      : []),
    ...(left > 0 && (became || !equalJSON(uncounted, before.uncountedTerminatedPods))
      ? [invalid('status.uncountedTerminatedPods', uncounted, 'must be empty for finished job')]
      : []),
    ...(terminating > 0 && (became || terminating !== before.terminating)
      ? [invalid('status.terminating', terminating, 'terminating>0 is invalid for finished job')]
      : []),
  ]
}

function validateIndexes({ spec }: Job, now: Status, before: Status): FieldError[] {
  const { completions, completionMode, backoffLimitPerIndex } = spec
  const { completedIndexes = '', failedIndexes } = now
  const isCompletedNew = completedIndexes !== (before.completedIndexes ?? '')
  const isFailedNew = failedIndexes !== before.failedIndexes
  const [completedAt, failedAt] = ['status.completedIndexes', 'status.failedIndexes']
  const errors: FieldError[] = []
  const parse = (text: string, name: string) => {
    try {
      return parseIndexes(text, completions ?? 0)
    } catch (error) {
      const detail = `error parsing ${name}: ${(error as Error).message}`
      if (name === 'completedIndexes' ? isCompletedNew : isFailedNew)
        errors.push(invalid(`status.${name}`, text, detail))
      return []
    }
  }
  const completed = completions === undefined ? [] : parse(completedIndexes, 'completedIndexes')
  const failed = completions === undefined ? [] : parse(failedIndexes ?? '', 'failedIndexes')
  if (isCompletedNew && completedIndexes !== '' && completionMode !== 'Indexed') {
    const detail = 'cannot set non-empty completedIndexes when non-indexed completion mode'
    errors.push(invalid(completedAt, completedIndexes, detail))
  }
  if (isFailedNew && failedIndexes !== undefined && backoffLimitPerIndex === undefined) {
    const detail = 'cannot set non-null failedIndexes when backoffLimitPerIndex is null'
    errors.push(invalid(failedAt, failedIndexes, detail))
  }
  const shared = overlapOf(completed, failed)
  if ((isCompletedNew || isFailedNew) && shared !== undefined) {
    const detail = `failedIndexes and completedIndexes overlap at index: ${shared}`
    errors.push(invalid(failedAt, failedIndexes, detail))
  }
  return errors
}

function validateChange({ spec }: Job, now: Status, before: Status): FieldError[] {
  const isElastic = spec.completionMode === 'Indexed' && spec.completions === spec.parallelism
  const { failed = 0, succeeded = 0, ready = 0, active = 0 } = now
  const isReadyNew = ready !== (before.ready ?? 0) || active !== (before.active ?? 0)
  return [
    ...(isReadyNew && ready > active
      ? [invalid('status.ready', ready, 'cannot set more ready pods than active')]
      : []),
    ...(failed < (before.failed ?? 0)
      ? [invalid('status.failed', failed, 'cannot decrease the failed counter')]
      : []),
    ...(!isElastic && succeeded < (before.succeeded ?? 0)
      ? [invalid('status.succeeded', succeeded, 'cannot decrease the succeeded counter')]
      : []),
  ]
}
