import type { Toleration } from '../core.ts'
import { type FieldError, invalid, notSupported } from '../field-error.ts'
import { checkName, isLabelValue, isQualifiedName } from '../validation/names.ts'

export const taintEffects = ['NoSchedule', 'PreferNoSchedule', 'NoExecute']

const onlyNoExecute = "effect must be 'NoExecute' when `tolerationSeconds` is set"

/** Source: core/validation v1.36, ValidateTolerations. */
export function validateTolerations(tolerations: readonly Toleration[], at: string): FieldError[] {
  return tolerations.flatMap((toleration, index) => {
    const field = `${at}[${index}]`
    const { key = '', operator = '', effect = '', tolerationSeconds } = toleration
    const all = 'which means "match all values and all keys"'
    return [
      ...(key === '' ? [] : checkName(isQualifiedName, key, `${field}.key`)),
      ...(key === '' && operator !== 'Exists'
        ? [
            invalid(
              `${field}.operator`,
              operator,
              `operator must be Exists when \`key\` is empty, ${all}`,
            ),
          ]
        : []),
      ...(tolerationSeconds !== undefined && effect !== 'NoExecute'
        ? [invalid(`${field}.effect`, effect, onlyNoExecute)]
        : []),
      ...checkValue(toleration, `${field}.operator`),
      ...(effect === '' || taintEffects.includes(effect)
        ? []
        : [notSupported(`${field}.effect`, effect, taintEffects)]),
    ]
  })
}

function checkValue({ operator = 'Equal', value = '' }: Toleration, field: string): FieldError[] {
  switch (operator) {
    case 'Equal': {
      const wrong = isLabelValue(value)
      return wrong.length === 0 ? [] : [invalid(field, value, wrong.join(';'))]
    }
    case 'Exists':
      return value === ''
        ? []
        : [invalid(field, value, "value must be empty when `operator` is 'Exists'")]
    case 'Gt':
    case 'Lt':
      // They need the gate TaintTolerationComparisonOperators, off in 1.36.
      return [notSupported(field, operator, ['Equal', 'Exists', 'Lt', 'Gt'])]
    default:
      return [notSupported(field, operator, ['Equal', 'Exists'])]
  }
}
