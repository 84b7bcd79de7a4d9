import type { DaemonSet, DaemonSetSpec } from '../apps.ts'
import { type FieldError, invalid, notSupported, required } from '../field-error.ts'
import { equalJSON } from '../json.ts'
import { daemonSets } from '../resources.ts'
import { validateLabelSelector } from '../validation/labels.ts'
import { isDNS1123Subdomain } from '../validation/names.ts'
import { validateImmutable } from '../validation/object-meta.ts'
import { defineKind } from './define-kind.ts'
import { validateCounts } from './deployment.ts'
import {
  intOrPercentValue,
  validateAtMost100Percent,
  validateIntOrPercent,
} from './int-or-percent.ts'
import { defaultPodTemplate } from './pod-defaults.ts'
import { isEmptySelector, validatePodTemplate, validateTemplateLabels } from './pod-template.ts'
import { warnOfPodTemplate } from './pod-warnings.ts'
import { validateNotDecremented } from './stateful-set.ts'

/** Counts the templates; it was a field of an older version of the API. */
export const TEMPLATE_GENERATION = 'deprecated.daemonset.template.generation'

// Source: apps/v1/defaults.go, apps/validation and registry/apps/daemonset.
export const daemonSet = defineKind<DaemonSet>({
  resource: daemonSets,
  shortNames: ['ds'],
  categories: ['all'],
  subresources: ['status'],
  nameRule: isDNS1123Subdomain,
  generationOf: ['spec'],
  default: (object) => ({ ...object, spec: defaultSpec(object.spec ?? {}) }),
  prepareCreate: (object) =>
    withTemplateGeneration({ ...object, status: NO_STATUS }, Math.max(1, generationOf(object))),
  prepareUpdate: (object, old) =>
    withTemplateGeneration(
      object,
      generationOf(old) + (equalJSON(object.spec.template, old.spec.template) ? 0 : 1),
    ),
  validate: ({ spec }) => validateSpec(spec),
  validateChange: ({ spec }, old) =>
    validateImmutable(spec.selector, old.spec.selector, 'spec.selector'),
  validateStatus: ({ status }, old) => [
    ...validateCounts(status ?? {}, [...Object.keys(NO_STATUS), ...COUNTS]),
    ...validateNotDecremented(status?.collisionCount ?? 0, old.status?.collisionCount),
  ],
  warnings: ({ spec }) => warnOfPodTemplate(spec.template, 'spec.template'),
})

const NO_STATUS = {
  currentNumberScheduled: 0,
  numberMisscheduled: 0,
  desiredNumberScheduled: 0,
  numberReady: 0,
}

const COUNTS = [
  'observedGeneration',
  'updatedNumberScheduled',
  'numberAvailable',
  'numberUnavailable',
  'collisionCount',
]

const generationOf = ({ metadata }: DaemonSet) =>
  Number.parseInt(metadata.annotations?.[TEMPLATE_GENERATION] ?? '0', 10) || 0

function withTemplateGeneration(object: DaemonSet, generation: number): DaemonSet {
  const { metadata } = object
  const annotations = { ...metadata.annotations, [TEMPLATE_GENERATION]: String(generation) }
  return { ...object, metadata: { ...metadata, annotations } }
}

function defaultSpec(spec: DaemonSetSpec): DaemonSetSpec {
  const { updateStrategy: strategy } = spec
  const rolling = { maxUnavailable: 1, maxSurge: 0, ...strategy?.rollingUpdate }
  return {
    ...spec,
    template: defaultPodTemplate(spec.template ?? { spec: { containers: [] } }),
    ...(strategy?.type === 'RollingUpdate'
      ? { updateStrategy: { ...strategy, rollingUpdate: rolling } }
      : {}),
  }
}

function validateSpec(spec: DaemonSetSpec): FieldError[] {
  const { selector, template } = spec
  const selectorErrors = validateLabelSelector(selector, 'spec.selector')
  const isSelector = selectorErrors.length === 0
  return [
    ...selectorErrors,
    ...(isSelector ? validateTemplateLabels(template, selector, 'spec.template') : []),
    ...(selector && isEmptySelector(selector)
      ? [invalid('spec.selector', selector, 'empty selector is invalid for daemonset')]
      : []),
    ...validatePodTemplate(template, 'DaemonSet'),
    ...validateCounts(spec, ['minReadySeconds'], 'spec'),
    ...validateUpdateStrategy(spec.updateStrategy ?? {}),
    ...validateCounts(spec, ['revisionHistoryLimit'], 'spec'),
  ]
}

function validateUpdateStrategy(strategy: NonNullable<DaemonSetSpec['updateStrategy']>) {
  const at = 'spec.updateStrategy'
  const { type, rollingUpdate } = strategy
  if (type === 'OnDelete') return []
  if (type !== 'RollingUpdate') {
    // Upstream prints its internal struct.
    const value = { Type: type, RollingUpdate: rollingUpdate ?? null }
    return [notSupported(at, value, ['RollingUpdate', 'OnDelete'])]
  }
  if (!rollingUpdate) return [required(`${at}.rollingUpdate`)]
  const { maxUnavailable = 0, maxSurge = 0 } = rollingUpdate
  const [unavailable, surge] = [
    `${at}.rollingUpdate.maxUnavailable`,
    `${at}.rollingUpdate.maxSurge`,
  ]
  const isUnavailable = intOrPercentValue(maxUnavailable) !== 0
  const isSurging = intOrPercentValue(maxSurge) !== 0
  return [
    ...validateIntOrPercent(maxUnavailable, unavailable),
    ...validateIntOrPercent(maxSurge, surge),
    ...validateAtMost100Percent(maxUnavailable, unavailable),
    ...validateAtMost100Percent(maxSurge, surge),
    ...(isUnavailable && isSurging
      ? [invalid(surge, maxSurge, 'may not be set when maxUnavailable is non-zero')]
      : []),
    ...(!isUnavailable && !isSurging
      ? [required(unavailable, 'cannot be 0 when maxSurge is 0')]
      : []),
  ]
}
