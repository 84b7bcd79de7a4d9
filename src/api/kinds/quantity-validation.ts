/** Rules of quantities. Source: core/validation v1.36. Their syntax was checked with the fields. */
import { type FieldError, invalid } from '../field-error.ts'
import { parseQuantity } from '../quantity.ts'
import { mustNotBeNegative } from '../validation/object-meta.ts'

export function nanosOf(text: string): bigint {
  const parsed = parseQuantity(text)
  return 'error' in parsed ? 0n : parsed.nanos
}

/** Negative where `a` is less. */
export function compareQuantities(a: string, b: string): number {
  const [left, right] = [nanosOf(a), nanosOf(b)]
  return left < right ? -1 : left > right ? 1 : 0
}

export const validatePositiveQuantity = (value: string, field: string): FieldError[] =>
  nanosOf(value) > 0n ? [] : [invalid(field, value, 'must be greater than zero')]

export const validateNonNegativeQuantity = (value: string, field: string): FieldError[] =>
  nanosOf(value) < 0n ? [invalid(field, value, mustNotBeNegative)] : []

export const isWhole = (value: string) => nanosOf(value) % 10n ** 9n === 0n
