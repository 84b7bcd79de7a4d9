import type { Job, JobSpec } from '../batch.ts'
import type { LabelSelector } from '../meta.ts'
import { jobs } from '../resources.ts'
import { isDNS1123Label, isDNS1123Subdomain } from '../validation/names.ts'
import { defineKind } from './define-kind.ts'
import { CONTROLLER_UID, jobLabels } from './job-labels.ts'
import { validateJobStatus } from './job-status-validation.ts'
import { validateJob, validateJobChange } from './job-validation.ts'
import { defaultPodTemplate } from './pod-defaults.ts'
import { warnOfPodTemplate } from './pod-warnings.ts'

// Source: batch/v1/defaults.go and registry/batch/job.
export const job = defineKind<Job>({
  resource: jobs,
  categories: ['all'],
  subresources: ['status'],
  nameRule: isDNS1123Subdomain,
  generationOf: ['spec'],
  // batch/v1/conversion.go
  selectableFields: { 'status.successful': ({ status }) => String(status?.succeeded ?? 0) },
  default: defaultJob,
  prepareCreate: (object) => (object.spec.manualSelector ? object : withSelector(object)),
  validate: validateJob,
  validateChange: validateJobChange,
  validateStatus: validateJobStatus,
  warnings: ({ metadata, spec }, old) => [
    ...(old ? [] : warnOfPodNames(metadata.name)),
    ...warnOfJobSpec(spec, 'spec'),
  ],
})

function defaultJob(object: Job): Job {
  const { metadata } = object
  const labels = object.spec?.template?.metadata?.labels
  const isBare = Object.keys(metadata.labels ?? {}).length === 0
  const spec = defaultJobSpec(object.spec ?? { template: { spec: { containers: [] } } })
  return { ...object, metadata: labels && isBare ? { ...metadata, labels } : metadata, spec }
}

function defaultJobSpec(spec: JobSpec): JobSpec {
  const isSingle = spec.completions === undefined && spec.parallelism === undefined
  const limit = spec.backoffLimitPerIndex === undefined ? 6 : 2 ** 31 - 1
  return {
    ...spec,
    template: defaultPodTemplate(spec.template ?? { spec: { containers: [] } }),
    ...(isSingle ? { completions: 1 } : {}),
    parallelism: spec.parallelism ?? 1,
    backoffLimit: spec.backoffLimit ?? limit,
    completionMode: spec.completionMode ?? 'NonIndexed',
    suspend: spec.suspend ?? false,
    podReplacementPolicy:
      spec.podReplacementPolicy ?? (spec.podFailurePolicy ? 'Failed' : 'TerminatingOrFailed'),
    manualSelector: spec.manualSelector ?? false,
  }
}

/** Labels that are this Job's alone, and a selector of them: so that nobody has to think of one. */
function withSelector(object: Job): Job {
  const { template, selector } = object.spec
  const { uid = '' } = object.metadata
  const labels = { ...jobLabels(object), ...template.metadata?.labels }
  const wanted: LabelSelector = {
    ...selector,
    matchLabels: { [CONTROLLER_UID]: uid, ...selector?.matchLabels },
  }
  return {
    ...object,
    spec: {
      ...object.spec,
      selector: wanted,
      template: { ...template, metadata: { ...template.metadata, labels } },
    },
  }
}

export function warnOfPodNames(name = ''): string[] {
  const broken = isDNS1123Label(name)
  const words =
    'metadata.name: this is used in Pod names and hostnames, which can result in surprising behavior; a DNS label is recommended'
  return broken.length === 0 ? [] : [`${words}: [${broken.join(' ')}]`]
}

export function warnOfJobSpec(spec: JobSpec, at: string): string[] {
  const { completionMode, completions = 0, parallelism = 0 } = spec
  return [
    ...(completionMode === 'Indexed' && completions > 100_000 && parallelism > 10_000
      ? [
          `${at}: In Indexed Jobs with a number of completions higher than 10^5 and a parallelism higher than 10^4, Kubernetes might not be able to track completedIndexes when a big number of indexes fail`,
        ]
      : []),
    ...warnOfPodTemplate(spec.template, `${at}.template`),
  ]
}
