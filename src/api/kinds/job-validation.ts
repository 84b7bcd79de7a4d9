/** Rules of Jobs. Source: batch/validation v1.36. */
import type { Job, JobSpec } from '../batch.ts'
import { type FieldError, invalid, notSupported, required, tooLong } from '../field-error.ts'
import { equalJSON } from '../json.ts'
import { matchesSelector } from '../selectors.ts'
import { validateLabelSelector } from '../validation/labels.ts'
import { byteLength, isDNS1123Label, validateDomainPrefixedPath } from '../validation/names.ts'
import { validateImmutable } from '../validation/object-meta.ts'
import { validateCounts } from './deployment.ts'
import { jobLabels } from './job-labels.ts'
import { validatePodFailurePolicy, validateSuccessPolicy } from './job-policy-validation.ts'
import { templateAsInternal } from './pod-diff.ts'
import { validatePodTemplateSpec, validateTemplateLabels } from './pod-template.ts'

const MAX_INDEXED = 100_000
const MANY_COMPLETIONS = 100_000
const FEW = 10_000
const MAX_MANAGED_BY = 63

/** A Job: its selector was made by prepareCreate. */
export function validateJob(job: Job): FieldError[] {
  const { spec, metadata } = job
  const { selector, completions = 0 } = spec
  const longest = `${metadata.name}-${completions - 1}`
  return [
    ...(spec.manualSelector || !selector ? [] : validateGeneratedSelector(job)),
    ...validateJobSpec(spec, 'spec'),
    ...(selector ? validateLabelSelector(selector, 'spec.selector') : [required('spec.selector')]),
    ...validateTemplateLabels(spec.template, selector, 'spec.template'),
    ...(spec.completionMode === 'Indexed' && completions > 0 && isDNS1123Label(longest).length > 0
      ? [
          invalid(
            'metadata.name',
            metadata.name,
            `will not able to create pod with invalid DNS label: ${longest}`,
          ),
        ]
      : []),
  ]
}

function validateGeneratedSelector(job: Job): FieldError[] {
  const { selector, template } = job.spec
  const at = 'spec.template.metadata.labels'
  const expected = jobLabels(job)
  const labels: Readonly<Record<string, string>> = template.metadata?.labels ?? {}
  return [
    ...Object.entries(expected).flatMap(([key, value]) => {
      if (!Object.hasOwn(labels, key)) return [required(`${at}[${key}]`, `must be '${value}'`)]
      return labels[key] === value ? [] : [invalid(`${at}[${key}]`, labels, `must be '${value}'`)]
    }),
    ...(matchesSelector(selector, expected)
      ? []
      : [invalid('spec.selector', selector, '`selector` not auto-generated')]),
  ]
}

/** What holds for a Job and for the template of a CronJob. */
export function validateJobSpec(spec: JobSpec, at: string): FieldError[] {
  const counts = [
    'parallelism',
    'completions',
    'activeDeadlineSeconds',
    'backoffLimit',
    'ttlSecondsAfterFinished',
    'backoffLimitPerIndex',
    'maxFailedIndexes',
  ]
  const { maxFailedIndexes, backoffLimitPerIndex } = spec
  return [
    ...validateCounts(spec, counts, at),
    ...(maxFailedIndexes !== undefined && backoffLimitPerIndex === undefined
      ? [required(`${at}.backoffLimitPerIndex`, 'when maxFailedIndexes is specified')]
      : []),
    ...validateManagedBy(spec, `${at}.managedBy`),
    ...validateCompletionMode(spec, at),
    ...(spec.podFailurePolicy ? validatePodFailurePolicy(spec, `${at}.podFailurePolicy`) : []),
    ...(spec.successPolicy ? validateSuccessPolicy(spec, `${at}.successPolicy`) : []),
    ...validateReplacementPolicy(spec, `${at}.podReplacementPolicy`),
    ...validatePodTemplateSpec(spec.template, `${at}.template`),
    ...validateRestartPolicy(spec, `${at}.template.spec.restartPolicy`),
  ]
}

function validateManagedBy({ managedBy }: JobSpec, at: string): FieldError[] {
  if (managedBy === undefined) return []
  return [
    ...validateDomainPrefixedPath(managedBy, at),
    ...(byteLength(managedBy) > MAX_MANAGED_BY ? [tooLong(at, MAX_MANAGED_BY)] : []),
  ]
}

function validateCompletionMode(spec: JobSpec, at: string): FieldError[] {
  const { completionMode: mode, backoffLimitPerIndex, maxFailedIndexes } = spec
  if (mode === 'Indexed') return validateIndexed(spec, at)
  const needsIndexes = (key: string, value: number | undefined) =>
    value === undefined ? [] : [invalid(`${at}.${key}`, value, 'requires indexed completion mode')]
  if (mode !== undefined && mode !== 'NonIndexed') {
    return [notSupported(`${at}.completionMode`, mode, ['NonIndexed', 'Indexed'])]
  }
  return [
    ...needsIndexes('backoffLimitPerIndex', backoffLimitPerIndex),
    ...needsIndexes('maxFailedIndexes', maxFailedIndexes),
  ]
}

function validateIndexed(spec: JobSpec, at: string): FieldError[] {
  const { completions, parallelism = 0, maxFailedIndexes, backoffLimitPerIndex } = spec
  const atMost = (key: keyof JobSpec, value: number | undefined, max: number, why = '') =>
    value !== undefined && value > max
      ? [invalid(`${at}.${key}`, value, `must be less than or equal to ${max}${why}`)]
      : []
  const isLarge = (completions ?? 0) > MANY_COMPLETIONS && backoffLimitPerIndex !== undefined
  return [
    ...(completions === undefined
      ? [required(`${at}.completions`, 'when completion mode is Indexed')]
      : []),
    ...atMost('parallelism', parallelism, MAX_INDEXED, ' when completion mode is Indexed'),
    ...(completions !== undefined && (maxFailedIndexes ?? 0) > completions
      ? [
          invalid(
            `${at}.maxFailedIndexes`,
            maxFailedIndexes,
            'must be less than or equal to completions',
          ),
        ]
      : []),
    ...atMost('maxFailedIndexes', maxFailedIndexes, MAX_INDEXED),
    ...(isLarge ? validateLarge(spec, at, atMost) : []),
  ]
}

function validateLarge(
  { maxFailedIndexes, parallelism }: JobSpec,
  at: string,
  atMost: (
    key: keyof JobSpec,
    value: number | undefined,
    max: number,
    why?: string,
  ) => FieldError[],
): FieldError[] {
  const why = ` when completions are above ${MANY_COMPLETIONS} and used with backoff limit per index`
  return [
    ...(maxFailedIndexes === undefined
      ? [
          required(
            `${at}.maxFailedIndexes`,
            `must be specified when completions is above ${MANY_COMPLETIONS}`,
          ),
        ]
      : []),
    ...atMost('parallelism', parallelism, FEW, why),
    ...atMost('maxFailedIndexes', maxFailedIndexes, FEW, why),
  ]
}

function validateReplacementPolicy(spec: JobSpec, at: string): FieldError[] {
  const { podReplacementPolicy: policy, podFailurePolicy } = spec
  const supported = podFailurePolicy ? ['Failed'] : ['Failed', 'TerminatingOrFailed']
  return policy === undefined || supported.includes(policy)
    ? []
    : [notSupported(at, policy, supported)]
}

function validateRestartPolicy({ template, podFailurePolicy }: JobSpec, at: string): FieldError[] {
  const { restartPolicy = 'Always' } = template.spec
  switch (restartPolicy) {
    case 'Always':
      return [required(at, 'valid values: "OnFailure", "Never"')]
    case 'Never':
      return []
    case 'OnFailure':
      return podFailurePolicy
        ? [
            invalid(
              at,
              restartPolicy,
              'only "Never" is supported when podFailurePolicy is specified',
            ),
          ]
        : []
    default:
      return [notSupported(at, restartPolicy, ['OnFailure', 'Never'])]
  }
}

export function validateJobChange(job: Job, old: Job): FieldError[] {
  const { spec } = job
  const fixed = (key: keyof JobSpec) => validateImmutable(spec[key], old.spec[key], `spec.${key}`)
  return [
    ...validateCompletionsChange(spec, old.spec),
    ...fixed('selector'),
    ...validateTemplateChange(job, old),
    ...fixed('completionMode'),
    ...fixed('podFailurePolicy'),
    ...fixed('backoffLimitPerIndex'),
    ...fixed('managedBy'),
    ...fixed('successPolicy'),
  ]
}

/** An Indexed Job may be resized: completions and parallelism as one. */
function validateCompletionsChange(spec: JobSpec, old: JobSpec): FieldError[] {
  const { completions, parallelism } = spec
  if (spec.completionMode !== 'Indexed')
    return validateImmutable(completions, old.completions, 'spec.completions')
  if (completions === old.completions || completions === undefined || completions === parallelism)
    return []
  const detail = 'can only be modified in tandem with spec.parallelism'
  return [invalid('spec.completions', completions, detail)]
}

/** While a Job is suspended and no pod of it runs, where its pods may go and what they need can still change. */
function validateTemplateChange({ spec }: Job, old: Job): FieldError[] {
  const isSuspended = old.spec.suspend === true
  const isQuiet =
    isSuspended &&
    (old.status?.active ?? 0) === 0 &&
    (old.status?.conditions ?? []).some(
      ({ type, status }) => type === 'Suspended' && status === 'True',
    )
  const before = isQuiet ? withDirectives(old.spec.template, spec.template) : old.spec.template
  if (equalJSON(spec.template, before)) return []
  return [invalid('spec.template', templateAsInternal(spec.template), 'field is immutable')]
}

function withDirectives(old: JobSpec['template'], now: JobSpec['template']): JobSpec['template'] {
  const { nodeSelector: _n, tolerations: _t, schedulingGates: _g, affinity, ...fixed } = old.spec
  const { nodeSelector, tolerations, schedulingGates } = now.spec
  const { nodeAffinity: _na, ...others } = affinity ?? {}
  const nodeAffinity = now.spec.affinity?.nodeAffinity
  const merged = { ...others, ...(nodeAffinity ? { nodeAffinity } : {}) }
  const keepsAffinity = Object.keys(merged).length > 0 || now.spec.affinity !== undefined
  return {
    ...(now.metadata ? { metadata: now.metadata } : {}),
    spec: {
      ...fixed,
      ...(nodeSelector ? { nodeSelector } : {}),
      ...(tolerations ? { tolerations } : {}),
      ...(schedulingGates ? { schedulingGates } : {}),
      ...(keepsAffinity ? { affinity: merged } : {}),
      containers: fixed.containers.map((container, index) => {
        const other = now.spec.containers[index]
        return other?.name === container.name && other.resources
          ? { ...container, resources: other.resources }
          : container
      }),
    },
  }
}

/** Only Jobs of CronJobs: their selector is always made. */
export function validateJobTemplate(spec: JobSpec, at: string): FieldError[] {
  return [
    ...validateJobSpec(spec, at),
    ...(spec.selector
      ? [invalid(`${at}.selector`, spec.selector, '`selector` will be auto-generated')]
      : []),
    ...(spec.manualSelector ? [notSupported(`${at}.manualSelector`, true, ['nil', 'false'])] : []),
  ]
}
