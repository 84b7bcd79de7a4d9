import type { CronJob, Job } from '#api/batch.ts'
import { formatSelector } from '../../rest/format-selector.ts'
import {
  ageColumn,
  boolean,
  type Column,
  integer,
  nameColumn,
  type Timed,
  text,
} from '../column.ts'
import { ageSince, formatDuration } from '../duration.ts'
import { templateColumns } from './pod-template.ts'

/** Condition types in the order in which they decide, and the word for each. */
const STATES = ['Suspended', 'FailureTarget', 'SuccessCriteriaMet']

function formatStatus({ metadata, status }: Job): string {
  const has = (type: string) =>
    (status?.conditions ?? []).some(
      (condition) => condition.type === type && condition.status === 'True',
    )
  if (has('Complete')) return 'Complete'
  if (has('Failed')) return 'Failed'
  if (metadata.deletionTimestamp) return 'Terminating'
  return STATES.find(has) ?? 'Running'
}

function formatCompletions({ spec, status }: Job): string {
  const done = status?.succeeded ?? 0
  if (spec.completions !== undefined) return `${done}/${spec.completions}`
  const { parallelism = 0 } = spec
  return parallelism > 1 ? `${done}/1 of ${parallelism}` : `${done}/1`
}

function formatJobDuration({ status }: Job): string | Timed {
  const { startTime, completionTime } = status ?? {}
  if (!startTime) return ''
  if (!completionTime) return ageSince(startTime)
  return formatDuration(Date.parse(completionTime) - Date.parse(startTime))
}

export const jobColumns: readonly Column<Job>[] = [
  nameColumn,
  text('Status', formatStatus),
  text('Completions', formatCompletions),
  text('Duration', formatJobDuration),
  ageColumn,
  ...templateColumns<Job>(({ spec }) => spec.template),
  text('Selector', ({ spec }) => formatSelector(spec.selector), true),
]

export const cronJobColumns: readonly Column<CronJob>[] = [
  nameColumn,
  text('Schedule', ({ spec }) => spec.schedule),
  text('Timezone', ({ spec }) => spec.timeZone ?? '<none>'),
  // printBoolPtr
  { ...boolean<CronJob>('Suspend', () => false), cell: ({ spec }) => title(spec.suspend) },
  integer('Active', ({ status }) => (status?.active ?? []).length),
  text('Last Schedule', ({ status }) =>
    status?.lastScheduleTime ? ageSince(status.lastScheduleTime) : '<none>',
  ),
  ageColumn,
  ...templateColumns<CronJob>(({ spec }) => spec.jobTemplate.spec.template),
  text('Selector', ({ spec }) => formatSelector(spec.jobTemplate.spec.selector), true),
]

const title = (value: boolean | undefined) =>
  value === undefined ? '<unset>' : value ? 'True' : 'False'
