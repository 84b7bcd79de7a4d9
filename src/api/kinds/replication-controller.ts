import { type FieldError, required } from '../field-error.ts'
import type { ReplicationController } from '../replication.ts'
import { replicationControllers } from '../resources.ts'
import { isDNS1123Subdomain } from '../validation/names.ts'
import { defineKind } from './define-kind.ts'
import { validateCounts } from './deployment.ts'
import { defaultPodTemplate } from './pod-defaults.ts'
import { validatePodTemplate, validateTemplateLabels } from './pod-template.ts'
import { warnOfPodTemplate } from './pod-warnings.ts'
import { validateReplicaStatus } from './replica-set.ts'

// Source: core/v1/defaults.go, core/validation and registry/core/replicationcontroller.
export const replicationController = defineKind<ReplicationController>({
  resource: replicationControllers,
  shortNames: ['rc'],
  categories: ['all'],
  subresources: ['status', 'scale'],
  nameRule: isDNS1123Subdomain,
  generationOf: ['spec'],
  selectableFields: { 'status.replicas': ({ status }) => String(status?.replicas ?? 0) },
  default: defaultReplicationController,
  prepareCreate: (object) => ({ ...object, status: { replicas: 0 } }),
  validate: ({ spec }) => validateSpec(spec),
  validateStatus: ({ status }) => validateReplicaStatus(status),
  warnings: ({ spec }) => warnOfPodTemplate(spec.template, 'spec.template'),
})

/** Selector and labels are those of the template where nobody says otherwise. */
function defaultReplicationController(object: ReplicationController): ReplicationController {
  const { metadata } = object
  const spec = object.spec ?? {}
  const labels = spec.template?.metadata?.labels
  const isBare = Object.keys(metadata.labels ?? {}).length === 0
  const isOpen = Object.keys(spec.selector ?? {}).length === 0
  return {
    ...object,
    metadata: labels && isBare ? { ...metadata, labels } : metadata,
    spec: {
      ...spec,
      ...(labels && isOpen ? { selector: labels } : {}),
      ...(spec.template ? { template: defaultPodTemplate(spec.template) } : {}),
    },
  }
}

function validateSpec(spec: ReplicationController['spec']): FieldError[] {
  const { selector = {} } = spec
  return [
    ...validateCounts(spec, ['minReadySeconds'], 'spec'),
    ...(Object.keys(selector).length === 0 ? [required('spec.selector')] : []),
    ...validateCounts(spec, ['replicas'], 'spec'),
    ...(spec.template
      ? validateTemplateLabels(spec.template, { matchLabels: selector }, 'spec.template')
      : []),
    ...validatePodTemplate(spec.template, 'ReplicationController'),
  ]
}
