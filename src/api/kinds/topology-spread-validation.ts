import type { TopologySpreadConstraint } from '../core.ts'
import { duplicate, type FieldError, invalid, notSupported, required } from '../field-error.ts'
import { validateLabelSelector } from '../validation/labels.ts'
import { findRepeats } from '../validation/repeats.ts'
import { checkLabelKeys } from './affinity-validation.ts'

const actions = ['DoNotSchedule', 'ScheduleAnyway']
const policies = ['Honor', 'Ignore']
const mustBePositive = 'must be greater than zero'

/** Source: core/validation v1.36, validateTopologySpreadConstraints. */
export function validateTopologySpread(
  constraints: readonly TopologySpreadConstraint[],
  at: string,
): FieldError[] {
  // A later one makes it a repeat: seen from the end.
  const isRepeated = findRepeats(
    constraints.toReversed(),
    ({ topologyKey = '', whenUnsatisfiable = '' }) => `${topologyKey} ${whenUnsatisfiable}`,
  ).reverse()
  return constraints.flatMap((constraint, index) => {
    const field = `${at}[${index}]`
    const { maxSkew = 0, topologyKey = '' } = constraint
    const whenUnsatisfiable: string = constraint.whenUnsatisfiable ?? ''
    return [
      ...(maxSkew > 0 ? [] : [invalid(`${field}.maxSkew`, maxSkew, mustBePositive)]),
      ...(topologyKey === '' ? [required(`${field}.topologyKey`, 'can not be empty')] : []),
      ...(actions.includes(whenUnsatisfiable)
        ? []
        : [notSupported(`${field}.whenUnsatisfiable`, whenUnsatisfiable, actions)]),
      ...(isRepeated[index]
        ? [
            duplicate(
              `${field}.{topologyKey, whenUnsatisfiable}`,
              `{${topologyKey}, ${whenUnsatisfiable}}`,
            ),
          ]
        : []),
      ...checkMinDomains(constraint, `${field}.minDomains`),
      ...(['nodeAffinityPolicy', 'nodeTaintsPolicy'] as const).flatMap((key) => {
        const policy = constraint[key]
        if (policy === undefined || policies.includes(policy)) return []
        return [notSupported(`${field}.${key}`, policy, policies)]
      }),
      ...checkLabelKeys(field, constraint.labelSelector, constraint.matchLabelKeys),
      ...validateLabelSelector(constraint.labelSelector, `${field}.labelSelector`),
    ]
  })
}

function checkMinDomains(
  { minDomains, whenUnsatisfiable }: Partial<TopologySpreadConstraint>,
  field: string,
): FieldError[] {
  if (minDomains === undefined) return []
  const detail = `can only use minDomains if whenUnsatisfiable=DoNotSchedule, not ${whenUnsatisfiable ?? ''}`
  return [
    ...(minDomains > 0 ? [] : [invalid(field, minDomains, mustBePositive)]),
    ...(whenUnsatisfiable === 'DoNotSchedule' ? [] : [invalid(field, minDomains, detail)]),
  ]
}
