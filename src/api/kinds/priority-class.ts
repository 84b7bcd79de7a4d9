import { type FieldError, forbidden, notSupported, required } from '../field-error.ts'
import { priorityClasses } from '../resources.ts'
import type { PriorityClass } from '../scheduling.ts'
import { isDNS1123Subdomain } from '../validation/names.ts'
import { validateImmutable } from '../validation/object-meta.ts'
import { defineKind } from './define-kind.ts'

const RESERVED = 'system-'
const HIGHEST = 1_000_000_000

/** What every cluster has. Source: pkg/apis/scheduling/v1/helpers.go. */
export const SYSTEM_PRIORITY_CLASSES: readonly PriorityClass[] = [
  {
    metadata: { name: 'system-node-critical' },
    value: 2_000_001_000,
    description: 'Used for system critical pods that must not be moved from their current node.',
  },
  {
    metadata: { name: 'system-cluster-critical' },
    value: 2_000_000_000,
    description:
      'Used for system critical pods that must run in the cluster, but can be moved to another node if necessary.',
  },
]

// Source: scheduling/validation and registry/scheduling/priorityclass.
export const priorityClass = defineKind<PriorityClass>({
  resource: priorityClasses,
  shortNames: ['pc'],
  nameRule: isDNS1123Subdomain,
  prepareCreate: (object) => ({ ...object, metadata: { ...object.metadata, generation: 1 } }),
  validate: (object, old) => (old ? [] : validate(object)),
  validateChange: ({ value, preemptionPolicy }, old) => [
    ...(value === old.value ? [] : [forbidden('value', 'may not be changed in an update.')]),
    ...validateImmutable(preemptionPolicy, old.preemptionPolicy, 'preemptionPolicy'),
  ],
})

function validate({
  metadata,
  value = 0,
  globalDefault,
  preemptionPolicy,
}: PriorityClass): FieldError[] {
  return [
    ...validateName(metadata.name ?? '', value, globalDefault ?? false),
    ...(preemptionPolicy === undefined || /^(Never|PreemptLowerPriority)$/.test(preemptionPolicy)
      ? []
      : [
          preemptionPolicy === ('' as string)
            ? required('preemptionPolicy')
            : notSupported('preemptionPolicy', preemptionPolicy, ['Never', 'PreemptLowerPriority']),
        ]),
  ]
}

function validateName(name: string, value: number, isDefault: boolean): FieldError[] {
  if (!name.startsWith(RESERVED)) {
    return value > HIGHEST
      ? [forbidden('value', `maximum allowed value of a user defined priority is ${HIGHEST}`)]
      : []
  }
  const known = SYSTEM_PRIORITY_CLASSES.find((one) => one.metadata.name === name)
  const why = !known
    ? `${name} is not a known system priority class`
    : value !== known.value
      ? `value of ${name} PriorityClass must be ${known.value}`
      : isDefault
        ? `globalDefault of ${name} PriorityClass must be false`
        : undefined
  return why === undefined
    ? []
    : [
        forbidden(
          'metadata.name',
          `priority class names with '${RESERVED}' prefix are reserved for system use only. error: ${why}`,
        ),
      ]
}
