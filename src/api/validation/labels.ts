import { type FieldError, forbidden, invalid, required } from '../field-error.ts'
import type { LabelSelector } from '../meta.ts'
import { checkName, isLabelValue, isQualifiedName } from './names.ts'

type Labels = Readonly<Record<string, string>>

/** Go walks maps in random order; ours is sorted, so that answers can be compared. */
export function validateLabels(labels: Labels | undefined, field: string): FieldError[] {
  return Object.keys(labels ?? {})
    .sort()
    .flatMap((key) => [
      ...checkName(isQualifiedName, key, field),
      ...checkName(isLabelValue, labels![key]!, field),
    ])
}

/** meta/v1 ValidateLabelSelector. */
export function validateLabelSelector(
  selector: LabelSelector | undefined,
  field: string,
): FieldError[] {
  if (!selector) return []
  const expressions = (selector.matchExpressions ?? []).flatMap((expression, index) => {
    const at = `${field}.matchExpressions[${index}]`
    const values = expression.values ?? []
    return [
      ...checkOperator(expression.operator, values, at),
      ...checkName(isQualifiedName, expression.key ?? '', `${at}.key`),
      ...values.flatMap((value, i) => checkName(isLabelValue, value, `${at}.values[${i}]`)),
    ]
  })
  return [...validateLabels(selector.matchLabels, `${field}.matchLabels`), ...expressions]
}

function checkOperator(operator: string, values: readonly string[], at: string): FieldError[] {
  switch (operator) {
    case 'In':
    case 'NotIn':
      return values.length > 0
        ? []
        : [required(`${at}.values`, "must be specified when `operator` is 'In' or 'NotIn'")]
    case 'Exists':
    case 'DoesNotExist':
      return values.length === 0
        ? []
        : [
            forbidden(
              `${at}.values`,
              "may not be specified when `operator` is 'Exists' or 'DoesNotExist'",
            ),
          ]
    default:
      return [invalid(`${at}.operator`, operator ?? '', 'not a valid selector operator')]
  }
}
