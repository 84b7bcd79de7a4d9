import type { IntOrString } from '../core.ts'
import { type FieldError, invalid } from '../field-error.ts'
import { mustNotBeNegative } from '../validation/object-meta.ts'

/** Source: apps/validation ValidatePositiveIntOrPercent. */
export function validateIntOrPercent(value: IntOrString, field: string): FieldError[] {
  if (typeof value === 'number') return value < 0 ? [invalid(field, value, mustNotBeNegative)] : []
  const words = "a valid percent string must be a numeric string followed by an ending '%'"
  return /^[0-9]+%$/.test(value)
    ? []
    : [
        invalid(
          field,
          value,
          `${words} (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')`,
        ),
      ]
}

/** Source: apps/validation IsNotMoreThan100Percent. */
export function validateAtMost100Percent(value: IntOrString, field: string): FieldError[] {
  return isPercent(value) && Number.parseInt(value, 10) > 100
    ? [invalid(field, value, 'must not be greater than 100%')]
    : []
}

export const isPercent = (value: IntOrString): value is string =>
  typeof value === 'string' && /^[0-9]+%$/.test(value)

/** The number in `3` or `25%`; 0 where there is none. Source: apps/validation getIntOrPercentValue. */
export const intOrPercentValue = (value: IntOrString): number =>
  typeof value === 'number' ? value : isPercent(value) ? Number.parseInt(value, 10) : 0
