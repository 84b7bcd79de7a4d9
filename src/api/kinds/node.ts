import type { Node } from '../core.ts'
import {
  duplicate,
  type FieldError,
  forbidden,
  invalid,
  notSupported,
  required,
} from '../field-error.ts'
import { equalJSON } from '../json.ts'
import { nodes } from '../resources.ts'
import { validateLegacyCIDR } from '../validation/ip-rules.ts'
import {
  checkName,
  isDNS1123Subdomain,
  isLabelValue,
  isQualifiedName,
} from '../validation/names.ts'
import { findRepeats } from '../validation/repeats.ts'
import { defineKind } from './define-kind.ts'
import { taintEffects } from './toleration-validation.ts'

type Taint = NonNullable<NonNullable<Node['spec']>['taints']>[number]

// Source: core/validation v1.36, ValidateNode and ValidateNodeUpdate.
export const node = defineKind<Node>({
  resource: nodes,
  shortNames: ['no'],
  subresources: ['status', 'proxy'],
  nameRule: isDNS1123Subdomain,
  selectableFields: { 'spec.unschedulable': ({ spec }) => String(spec?.unschedulable ?? false) },
  default(object) {
    const { spec, status } = object
    const podCIDRs = spec?.podCIDR && !spec.podCIDRs ? [spec.podCIDR] : spec?.podCIDRs
    const podCIDR = spec?.podCIDR ?? podCIDRs?.[0]
    return {
      ...object,
      ...(podCIDR ? { spec: { ...spec, podCIDR, podCIDRs: podCIDRs! } } : {}),
      ...(status?.capacity && !status.allocatable
        ? { status: { ...status, allocatable: status.capacity } }
        : {}),
    }
  },
  keepsStatusOnCreate: true,
  validate: (object) => [...checkTaints(object), ...checkPodCIDRs(object)],
  validateChange: checkChange,
  validateStatus: ({ status }) =>
    findRepeats(status?.addresses ?? [], ({ type, address }) =>
      JSON.stringify([type, address]),
    ).flatMap((isRepeat, index) => {
      const { type, address } = status!.addresses![index]!
      const shown = { Type: type, Address: address }
      return isRepeat ? [duplicate(`status.addresses[${index}]`, shown)] : []
    }),
})

function checkTaints({ spec }: Node): FieldError[] {
  const taints = spec?.taints ?? []
  const isRepeat = findRepeats(taints, ({ key = '', effect = '' }) => `${key} ${effect}`)
  return taints.flatMap((taint, index) => {
    // Upstream says metadata here.
    const field = `metadata.taints[${index}]`
    const { key = '', value = '', effect = '' } = taint
    const wrong = isLabelValue(value)
    return [
      ...checkName(isQualifiedName, key, `${field}.key`),
      ...(wrong.length > 0 ? [invalid(`${field}.value`, value, wrong.join(';'))] : []),
      ...(effect === ''
        ? [required(`${field}.effect`)]
        : taintEffects.includes(effect)
          ? []
          : [notSupported(`${field}.effect`, effect, taintEffects)]),
      ...(isRepeat[index]
        ? [
            {
              ...duplicate(field, asInternalTaint(taint)),
              detail: 'taints must be unique by key and effect pair',
            },
          ]
        : []),
    ]
  })
}

/** Upstream prints its internal struct, all fields and capitals. */
function asInternalTaint({ key, value = '', effect }: Taint) {
  return { Key: key, Value: value, Effect: effect, TimeAdded: null }
}

function checkPodCIDRs({ spec }: Node): FieldError[] {
  const podCIDRs = spec?.podCIDRs ?? []
  const stacks = new Set(podCIDRs.map((value) => value.includes(':')))
  return [
    ...podCIDRs.flatMap((value, index) => validateLegacyCIDR(value, `spec.podCIDRs[${index}]`)),
    ...(stacks.size < podCIDRs.length
      ? [invalid('spec.podCIDRs', podCIDRs, 'may specify no more than one CIDR for each IP family')]
      : []),
  ]
}

function checkChange({ spec }: Node, { spec: old }: Node): FieldError[] {
  const changed = old?.podCIDRs && !equalJSON(old.podCIDRs, spec?.podCIDRs ?? [])
  const moved = old?.providerID && old.providerID !== spec?.providerID
  const only = (what: string) => `node updates may not change ${what} except from "" to valid`
  return [
    ...(changed ? [forbidden('spec.podCIDRs', only('podCIDR'))] : []),
    ...(moved ? [forbidden('spec.providerID', only('providerID'))] : []),
  ]
}
