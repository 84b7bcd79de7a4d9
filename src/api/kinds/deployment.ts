import type { Deployment, DeploymentSpec } from '../apps.ts'
import { type FieldError, forbidden, invalid, notSupported } from '../field-error.ts'
import { deployments } from '../resources.ts'
import { isDNS1123Subdomain } from '../validation/names.ts'
import { mustNotBeNegative, validateImmutable } from '../validation/object-meta.ts'
import { defineKind } from './define-kind.ts'
import { validateAtMost100Percent, validateIntOrPercent } from './int-or-percent.ts'
import { defaultPodTemplate } from './pod-defaults.ts'
import { validateSelectedTemplate } from './pod-template.ts'
import { warnOfPodTemplate } from './pod-warnings.ts'

// Source: apps/v1/defaults.go and apps/validation.
export const deployment = defineKind<Deployment>({
  resource: deployments,
  shortNames: ['deploy'],
  categories: ['all'],
  subresources: ['status', 'scale'],
  nameRule: isDNS1123Subdomain,
  generationOf: ['spec'],
  default: (object) => ({ ...object, spec: defaultSpec(object.spec ?? {}) }),
  validate: ({ spec }) => validateSpec(spec),
  validateChange: ({ spec }, old) =>
    validateImmutable(spec.selector, old.spec.selector, 'spec.selector'),
  // registry/apps/deployment/strategy.go: the status is not the place to label a Deployment.
  prepareStatusUpdate(object, old) {
    const { labels: _, ...metadata } = object.metadata
    const { labels } = old.metadata
    return { ...object, metadata: { ...metadata, ...(labels ? { labels } : {}) } }
  },
  validateStatus: ({ status = {} }) =>
    validateCounts(status, [
      'observedGeneration',
      'replicas',
      'updatedReplicas',
      'readyReplicas',
      'availableReplicas',
      'unavailableReplicas',
    ]),
  warnings: ({ spec }) => warnOfPodTemplate(spec.template, 'spec.template'),
})

function defaultSpec(spec: DeploymentSpec): DeploymentSpec {
  const { strategy } = spec
  const isRolling = strategy?.type === 'RollingUpdate'
  const rolling = { maxUnavailable: '25%', maxSurge: '25%', ...strategy?.rollingUpdate }
  return {
    ...spec,
    template: defaultPodTemplate(spec.template ?? { spec: { containers: [] } }),
    ...(isRolling ? { strategy: { ...strategy, rollingUpdate: rolling } } : {}),
  }
}

function validateSpec(spec: DeploymentSpec): FieldError[] {
  const { selector, minReadySeconds = 0, progressDeadlineSeconds = 0 } = spec
  const counts = ['replicas', 'minReadySeconds', 'revisionHistoryLimit', 'progressDeadlineSeconds']
  return [
    ...validateCounts(spec, counts, 'spec'),
    ...validateSelectedTemplate(spec.template, selector, { kind: 'deployment' }),
    ...validateStrategy(spec),
    ...(progressDeadlineSeconds <= minReadySeconds
      ? [
          invalid(
            'spec.progressDeadlineSeconds',
            progressDeadlineSeconds,
            'must be greater than minReadySeconds',
          ),
        ]
      : []),
  ]
}

/** Numbers that must not be negative. */
export function validateCounts(
  object: object,
  keys: readonly string[],
  at = 'status',
): FieldError[] {
  return keys.flatMap((key) => {
    const value = (object as Readonly<Record<string, unknown>>)[key]
    return typeof value === 'number' && value < 0
      ? [invalid(`${at}.${key}`, value, mustNotBeNegative)]
      : []
  })
}

function validateStrategy({ strategy }: DeploymentSpec): FieldError[] {
  const at = 'spec.strategy'
  const { type, rollingUpdate } = strategy ?? {}
  if (type === 'Recreate') {
    const detail = "may not be specified when strategy `type` is 'Recreate'"
    return rollingUpdate ? [forbidden(`${at}.rollingUpdate`, detail)] : []
  }
  if (type !== 'RollingUpdate') {
    // Upstream prints its internal struct.
    const value = { Type: type, RollingUpdate: rollingUpdate ?? null }
    return [notSupported(at, value, ['Recreate', 'RollingUpdate'])]
  }
  const { maxUnavailable = 0, maxSurge = 0 } = rollingUpdate ?? {}
  const field = `${at}.rollingUpdate`
  return [
    ...validateIntOrPercent(maxUnavailable, `${field}.maxUnavailable`),
    ...validateIntOrPercent(maxSurge, `${field}.maxSurge`),
    ...(Number.parseInt(String(maxUnavailable), 10) === 0 &&
    Number.parseInt(String(maxSurge), 10) === 0
      ? [invalid(`${field}.maxUnavailable`, maxUnavailable, 'may not be 0 when `maxSurge` is 0')]
      : []),
    ...validateAtMost100Percent(maxUnavailable, `${field}.maxUnavailable`),
  ]
}
