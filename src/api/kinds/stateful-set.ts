import type { StatefulSet, StatefulSetSpec, StatefulSetStatus } from '../apps.ts'
import type { PodTemplateSpec, Volume } from '../core.ts'
import { type FieldError, forbidden, invalid, notSupported, required } from '../field-error.ts'
import { equalJSON } from '../json.ts'
import { statefulSets } from '../resources.ts'
import { checkName, isDNS1123Label } from '../validation/names.ts'
import { defineKind } from './define-kind.ts'
import { validateCounts, validateRequiredSelector } from './deployment.ts'
import {
  intOrPercentValue,
  validateAtMost100Percent,
  validateIntOrPercent,
} from './int-or-percent.ts'
import { defaultClaimSpec } from './persistent-volume-claim.ts'
import { validateClaimSpec, warnOfClaimSpec } from './persistent-volume-claim-validation.ts'
import { warnOfPorts } from './pod.ts'
import { defaultPodTemplate } from './pod-defaults.ts'
import { validatePodTemplate } from './pod-template.ts'

// Source: apps/v1/defaults.go, apps/validation and registry/apps/statefulset.
export const statefulSet = defineKind<StatefulSet>({
  resource: statefulSets,
  shortNames: ['sts'],
  categories: ['all'],
  subresources: ['status', 'scale'],
  nameRule: isDNS1123Label,
  generationOf: ['spec'],
  default: (object) => ({ ...object, spec: defaultSpec(object.spec ?? {}) }),
  prepareCreate: (object) => ({ ...object, status: { replicas: 0 } }),
  validate: ({ spec }, old) => validateSpec(spec, old?.spec),
  validateChange: ({ spec }, old) => validateChange(spec, old.spec),
  validateStatus: ({ status }, old) => (status ? validateStatus(status, old.status) : []),
  warnings: ({ spec }) => [
    ...warnOfPorts(spec.template?.spec?.containers ?? [], 'spec.template.spec.containers'),
    ...(spec.volumeClaimTemplates ?? []).flatMap((claim, index) =>
      warnOfClaimSpec(claim.spec ?? {}, `spec.volumeClaimTemplates[${index}]`),
    ),
    ...((spec.revisionHistoryLimit ?? 0) < 0
      ? [
          'spec.revisionHistoryLimit: a negative value retains all historical revisions; a value >= 0 is recommended',
        ]
      : []),
  ],
})

function defaultSpec(spec: StatefulSetSpec): StatefulSetSpec {
  const { updateStrategy, volumeClaimTemplates } = spec
  const type = updateStrategy?.type ?? 'RollingUpdate'
  const rolling = updateStrategy?.rollingUpdate ?? (updateStrategy?.type ? undefined : {})
  return {
    ...spec,
    replicas: spec.replicas ?? 1,
    template: defaultPodTemplate(spec.template ?? { spec: { containers: [] } }),
    podManagementPolicy: spec.podManagementPolicy || 'OrderedReady',
    updateStrategy: {
      ...updateStrategy,
      type,
      ...(rolling && type === 'RollingUpdate'
        ? { rollingUpdate: { ...rolling, partition: rolling.partition ?? 0 } }
        : {}),
    },
    ...(volumeClaimTemplates
      ? {
          volumeClaimTemplates: volumeClaimTemplates.map((claim) => ({
            kind: 'PersistentVolumeClaim',
            apiVersion: 'v1',
            ...claim,
            spec: defaultClaimSpec(claim.spec ?? {}),
            status: { ...claim.status, phase: claim.status?.phase ?? 'Pending' },
          })),
        }
      : {}),
    persistentVolumeClaimRetentionPolicy: {
      whenDeleted: spec.persistentVolumeClaimRetentionPolicy?.whenDeleted || 'Retain',
      whenScaled: spec.persistentVolumeClaimRetentionPolicy?.whenScaled || 'Retain',
    },
    revisionHistoryLimit: spec.revisionHistoryLimit ?? 10,
  }
}

function validateSpec(spec: StatefulSetSpec, old: StatefulSetSpec | undefined): FieldError[] {
  const { podManagementPolicy = '', selector, serviceName = '', ordinals } = spec
  return [
    ...(podManagementPolicy === '' ? [required('spec.podManagementPolicy')] : []),
    ...(['', 'OrderedReady', 'Parallel'].includes(podManagementPolicy)
      ? []
      : [
          invalid(
            'spec.podManagementPolicy',
            podManagementPolicy,
            "must be 'OrderedReady' or 'Parallel'",
          ),
        ]),
    ...validateUpdateStrategy(spec.updateStrategy ?? {}),
    ...validateRetention(spec),
    ...(old
      ? []
      : (spec.volumeClaimTemplates ?? []).flatMap((claim, index) =>
          validateClaimSpec(claim.spec ?? {}, `spec.volumeClaimTemplates[${index}].spec`),
        )),
    ...validateCounts(spec, ['replicas', 'minReadySeconds'], 'spec'),
    ...validateCounts({ 'ordinals.start': ordinals?.start }, ['ordinals.start'], 'spec'),
    ...(old || serviceName === ''
      ? []
      : checkName(isDNS1123Label, serviceName, 'spec.serviceName')),
    ...validateRequiredSelector(selector, 'statefulset'),
    ...validatePodTemplate(templateAsRun(spec), selector, 'StatefulSet'),
  ]
}

/** The controller gives each pod its host name, its subdomain and its volumes: what the template says there is not checked. */
function templateAsRun({ template, volumeClaimTemplates = [] }: StatefulSetSpec): PodTemplateSpec {
  const { hostname: _hostname, subdomain: _subdomain, ...spec } = template.spec
  const claimed: Volume[] = volumeClaimTemplates.map(({ metadata }) => ({
    name: metadata?.name ?? '',
    persistentVolumeClaim: { claimName: metadata?.name ?? '' },
  }))
  const names = new Set(claimed.map(({ name }) => name))
  const others = (spec.volumes ?? []).filter(({ name }) => !names.has(name))
  return { ...template, spec: { ...spec, volumes: [...claimed, ...others] } }
}

function validateUpdateStrategy(strategy: NonNullable<StatefulSetSpec['updateStrategy']>) {
  const at = 'spec.updateStrategy'
  const { type, rollingUpdate } = strategy
  switch (type) {
    case undefined:
      return [required(at)]
    case 'OnDelete':
      return rollingUpdate
        ? [
            invalid(
              `${at}.rollingUpdate`,
              rollingUpdate,
              "only allowed for updateStrategy 'RollingUpdate'",
            ),
          ]
        : []
    case 'RollingUpdate': {
      const { maxUnavailable } = rollingUpdate ?? {}
      const field = `${at}.rollingUpdate.maxUnavailable`
      return [
        ...validateCounts(rollingUpdate ?? {}, ['partition'], `${at}.rollingUpdate`),
        ...(maxUnavailable === undefined
          ? []
          : [
              ...validateIntOrPercent(maxUnavailable, field),
              ...(intOrPercentValue(maxUnavailable) === 0
                ? [invalid(field, maxUnavailable, 'cannot be 0')]
                : []),
              ...validateAtMost100Percent(maxUnavailable, field),
            ]),
      ]
    }
    default: {
      // Upstream prints its internal struct.
      const value = { Type: type, RollingUpdate: rollingUpdate ?? null }
      return [invalid(at, value, "must be 'RollingUpdate' or 'OnDelete'")]
    }
  }
}

function validateRetention({ persistentVolumeClaimRetentionPolicy: policy = {} }: StatefulSetSpec) {
  return (['whenDeleted', 'whenScaled'] as const).flatMap((key) =>
    policy[key] === 'Retain' || policy[key] === 'Delete'
      ? []
      : [
          notSupported(`spec.persistentVolumeClaimRetentionPolicy.${key}`, policy[key] ?? '', [
            'Retain',
            'Delete',
          ]),
        ],
  )
}

const MUTABLE = [
  'replicas',
  'ordinals',
  'template',
  'updateStrategy',
  'revisionHistoryLimit',
  'persistentVolumeClaimRetentionPolicy',
  'minReadySeconds',
] as const

function validateChange(spec: StatefulSetSpec, old: StatefulSetSpec): FieldError[] {
  const fixed = (from: StatefulSetSpec) =>
    Object.fromEntries(
      Object.entries(from).filter(([key]) => !(MUTABLE as readonly string[]).includes(key)),
    )
  if (equalJSON(fixed(spec), fixed(old))) return []
  const names = MUTABLE.map((name) => `'${name}'`)
  const list = `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`
  return [
    forbidden('spec', `updates to statefulset spec for fields other than ${list} are forbidden`),
  ]
}

function validateStatus(status: StatefulSetStatus, old?: StatefulSetStatus): FieldError[] {
  const parts = [
    'readyReplicas',
    'currentReplicas',
    'updatedReplicas',
    'availableReplicas',
  ] as const
  const { replicas = 0, readyReplicas = 0, availableReplicas = 0, collisionCount = 0 } = status
  return [
    ...validateCounts(status, ['replicas', ...parts, 'observedGeneration', 'collisionCount']),
    ...parts.flatMap((key) =>
      (status[key] ?? 0) > replicas
        ? [invalid(`status.${key}`, status[key], 'cannot be greater than status.replicas')]
        : [],
    ),
    ...(availableReplicas > readyReplicas
      ? [
          invalid(
            'status.availableReplicas',
            availableReplicas,
            'cannot be greater than status.readyReplicas',
          ),
        ]
      : []),
    ...validateNotDecremented(collisionCount, old?.collisionCount),
  ]
}

export function validateNotDecremented(count: number, old = 0): FieldError[] {
  return count < old ? [invalid('status.collisionCount', count, 'cannot be decremented')] : []
}
