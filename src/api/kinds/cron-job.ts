import type { CronJob, CronJobSpec } from '../batch.ts'
import { isTimeZone, parseSchedule } from '../cron/parse-schedule.ts'
import { type FieldError, invalid, notSupported, required } from '../field-error.ts'
import { cronJobs } from '../resources.ts'
import { isDNS1123Subdomain } from '../validation/names.ts'
import { defineKind } from './define-kind.ts'
import { validateCounts } from './deployment.ts'
import { warnOfJobSpec, warnOfPodNames } from './job.ts'
import { validateJobTemplate } from './job-validation.ts'
import { defaultPodTemplate } from './pod-defaults.ts'

/** The Jobs that it makes have eleven characters more. */
const MAX_NAME = 52

// Source: batch/v1/defaults.go, batch/validation and registry/batch/cronjob.
export const cronJob = defineKind<CronJob>({
  resource: cronJobs,
  singular: 'cronjob',
  shortNames: ['cj'],
  categories: ['all'],
  subresources: ['status'],
  nameRule: isDNS1123Subdomain,
  generationOf: ['spec'],
  default: (object) => ({ ...object, spec: defaultSpec(object.spec ?? {}) }),
  prepareCreate: (object) => ({ ...object, status: {} }),
  validate: ({ metadata, spec }, old) => [
    ...validateSpec(spec, old?.spec),
    ...(!old && (metadata.name ?? '').length > MAX_NAME
      ? [invalid('metadata.name', metadata.name, `must be no more than ${MAX_NAME} characters`)]
      : []),
  ],
  warnings: ({ metadata, spec }, old) => [
    ...(old ? [] : warnOfPodNames(metadata.name)),
    ...warnOfJobSpec(spec.jobTemplate.spec, 'spec.jobTemplate.spec'),
    ...(old && (spec.schedule ?? '').includes('TZ')
      ? [
          'cannot use TZ or CRON_TZ in spec.spec.schedule, use timeZone instead, see https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/ for more details',
        ]
      : []),
  ],
})

/** The Job that is made of the template gets the rest. */
function defaultSpec(spec: CronJobSpec): CronJobSpec {
  const { jobTemplate } = spec
  const template = jobTemplate?.spec?.template ?? { spec: { containers: [] } }
  return {
    ...spec,
    jobTemplate: {
      ...jobTemplate,
      spec: { ...jobTemplate?.spec, template: defaultPodTemplate(template) },
    },
  }
}

function validateSpec(spec: CronJobSpec, old: CronJobSpec | undefined): FieldError[] {
  const policies = ['Allow', 'Forbid', 'Replace']
  const { concurrencyPolicy = '', timeZone } = spec
  return [
    ...validateSchedule(spec, old),
    ...validateCounts(spec, ['startingDeadlineSeconds'], 'spec'),
    ...(timeZone === undefined || timeZone === old?.timeZone ? [] : validateTimeZone(timeZone)),
    ...(policies.includes(concurrencyPolicy)
      ? []
      : [notSupported('spec.concurrencyPolicy', concurrencyPolicy, policies)]),
    ...validateJobTemplate(spec.jobTemplate.spec, 'spec.jobTemplate.spec'),
    ...validateCounts(spec, ['successfulJobsHistoryLimit', 'failedJobsHistoryLimit'], 'spec'),
  ]
}

function validateSchedule({ schedule, timeZone }: CronJobSpec, old: CronJobSpec | undefined) {
  const at = 'spec.schedule'
  if (!schedule) return [required(at)]
  const errors: FieldError[] = []
  try {
    parseSchedule(schedule)
  } catch (error) {
    errors.push(invalid(at, schedule, (error as Error).message))
  }
  if (!schedule.includes('TZ')) return errors
  const mayHaveZone = old?.schedule?.includes('TZ') === true
  if (!mayHaveZone) {
    const detail = 'cannot use TZ or CRON_TZ in schedule, use timeZone field instead'
    errors.push(invalid(at, schedule, detail))
  } else if (timeZone !== undefined) {
    const detail = 'cannot use both timeZone field and TZ or CRON_TZ in schedule'
    errors.push(invalid(at, schedule, detail))
  }
  return errors
}

function validateTimeZone(name: string): FieldError[] {
  const at = 'spec.timeZone'
  if (name === '') return [invalid(at, name, 'timeZone must be nil or non-empty string')]
  const unknown = [invalid(at, name, `unknown time zone ${name}`)]
  const isName = name
    .split('/')
    .every(
      (part) =>
        part !== '.' &&
        part !== '..' &&
        !part.startsWith('-') &&
        /^[A-Za-z.\-_0-9+]{1,14}$/.test(part),
    )
  if (!isName) return unknown
  if (name.toLowerCase() === 'local') {
    const detail =
      'timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones'
    // Go knows the zone "Local", spelled so only.
    return [invalid(at, name, detail), ...(name === 'Local' ? [] : unknown)]
  }
  return isTimeZone(name) ? [] : unknown
}
