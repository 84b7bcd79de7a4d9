import type { ReplicaSet } from '../apps.ts'
import { type FieldError, invalid } from '../field-error.ts'
import { replicaSets } from '../resources.ts'
import { isDNS1123Subdomain } from '../validation/names.ts'
import { validateImmutable } from '../validation/object-meta.ts'
import { defineKind } from './define-kind.ts'
import { validateCounts } from './deployment.ts'
import { defaultPodTemplate } from './pod-defaults.ts'
import { validateSelectedTemplate } from './pod-template.ts'

export const replicaSet = defineKind<ReplicaSet>({
  resource: replicaSets,
  shortNames: ['rs'],
  categories: ['all'],
  subresources: ['status', 'scale'],
  nameRule: isDNS1123Subdomain,
  generationOf: ['spec'],
  default: (object) => ({
    ...object,
    spec: {
      ...object.spec,
      template: defaultPodTemplate(object.spec?.template ?? { spec: { containers: [] } }),
    },
  }),
  prepareCreate: (object) => ({ ...object, status: { replicas: 0 } }),
  validate: ({ spec }) => [
    ...validateCounts(spec, ['replicas', 'minReadySeconds'], 'spec'),
    ...validateSelectedTemplate(spec.template, spec.selector, { kind: 'deployment' }),
  ],
  validateChange: ({ spec }, old) =>
    validateImmutable(spec.selector, old.spec.selector, 'spec.selector'),
  validateStatus: ({ status }) => validateReplicaStatus(status),
})

/** Source: apps/validation ValidateReplicaSetStatus. */
export function validateReplicaStatus(status: ReplicaSet['status']): FieldError[] {
  if (!status) return []
  const counts = ['fullyLabeledReplicas', 'readyReplicas', 'availableReplicas'] as const
  const { replicas, readyReplicas = 0, availableReplicas = 0 } = status
  return [
    ...validateCounts(status, ['replicas', ...counts, 'observedGeneration']),
    ...counts.flatMap((key) =>
      (status[key] ?? 0) > replicas
        ? [invalid(`status.${key}`, status[key], 'cannot be greater than status.replicas')]
        : [],
    ),
    ...(availableReplicas > readyReplicas
      ? [
          invalid(
            'status.availableReplicas',
            availableReplicas,
            'cannot be greater than readyReplicas',
          ),
        ]
      : []),
  ]
}
