import type { StatefulSet, StatefulSetSpec, StatefulSetStatus } from '../apps.ts'
import type { PodTemplateSpec, Volume } from '../core.ts'
import { type FieldError, forbidden, invalid, notSupported, required } from '../field-error.ts'
import { equalJSON } from '../json.ts'
import { statefulSets } from '../resources.ts'
import { checkName, isDNS1123Label } from '../validation/names.ts'
import { defineKind } from './define-kind.ts'
import { validateCounts } from './deployment.ts'
import { validateClaimSpec, warnOfClaimSpec } from './persistent-volume-claim-validation.ts'
import { defaultPodTemplate } from './pod-defaults.ts'
import { validateSelectedTemplate } from './pod-template.ts'
import { warnOfPodTemplate } from './pod-warnings.ts'

// Source: apps/v1/defaults.go, apps/validation and registry/apps/statefulset.
export const statefulSet = defineKind<StatefulSet>({
  resource: statefulSets,
  shortNames: ['sts'],
  categories: ['all'],
  subresources: ['status', 'scale'],
  nameRule: isDNS1123Label,
  generationOf: ['spec'],
  default: (object) => ({ ...object, spec: defaultSpec(object.spec ?? {}) }),
  prepareCreate: (object) => withoutMaxUnavailable({ ...object, status: { replicas: 0 } }),
  prepareUpdate: withoutMaxUnavailable,
  validate: ({ spec }, old) => validateSpec(spec, old?.spec),
  validateChange: ({ spec }, old) => validateChange(spec, old.spec),
  validateStatus: ({ status }, old) => (status ? validateStatus(status, old.status) : []),
  warnings: ({ spec }) => [
    ...warnOfPodTemplate(spec.template, 'spec.template'),
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
  const { updateStrategy: strategy, volumeClaimTemplates: claims } = spec
  return {
    ...spec,
    template: defaultPodTemplate(spec.template ?? { spec: { containers: [] } }),
    ...(strategy?.type
      ? {}
      : {
          updateStrategy: {
            type: 'RollingUpdate',
            rollingUpdate: { partition: 0, ...strategy?.rollingUpdate },
          },
        }),
    ...(claims
      ? {
          volumeClaimTemplates: claims.map((claim) => ({
            ...claim,
            kind: 'PersistentVolumeClaim',
            apiVersion: 'v1',
          })),
        }
      : {}),
  }
}

/** The field of a gate that is off by default upstream (MaxUnavailableStatefulSet). */
function withoutMaxUnavailable(object: StatefulSet): StatefulSet {
  const { updateStrategy } = object.spec
  if (updateStrategy?.rollingUpdate?.maxUnavailable === undefined) return object
  const { maxUnavailable: _, ...rollingUpdate } = updateStrategy.rollingUpdate
  return {
    ...object,
    spec: { ...object.spec, updateStrategy: { ...updateStrategy, rollingUpdate } },
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
    ...validateSelectedTemplate(templateAsRun(spec), selector, {
      kind: 'statefulset',
      owner: 'StatefulSet',
      notOne: '',
    }),
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
    case 'RollingUpdate':
      return validateCounts(rollingUpdate ?? {}, ['partition'], `${at}.rollingUpdate`)
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
