/** Source: kube-openapi pkg/validation/validate/{validator,values}.go. */
import { invalid } from '../field-error.ts'
import { add, addWhole, type Context, type Findings, fieldOf } from './findings.ts'
import type { JSONSchema } from './json-schema.ts'
import { typesOf } from './validate-scalar.ts'

const INT32 = 2 ** 31
const MAX_FLOAT32 = 3.4028234663852886e38

/** Integers are compared with integers: the bounds of a schema then lose their fraction. */
export function checkNumber(
  value: number,
  schema: JSONSchema,
  path: string,
  findings: Findings,
  context: Context,
): void {
  const { multipleOf, maximum, exclusiveMaximum, minimum, exclusiveMinimum } = schema
  const isWhole = Number.isInteger(value)
  const bound = (limit: number) => (isWhole ? Math.trunc(limit) : limit)
  const refuse = (rule: string) => refuseAs(`${path} in body ${rule}`)
  const refuseAs = (message: string) => {
    add(findings, message, invalid(fieldOf(path, context), value, message))
  }
  checkRange(value, schema, path, findings, context)
  if (multipleOf !== undefined) {
    const factor = bound(multipleOf)
    if (factor <= 0) refuse(`factor MultipleOf declared for ${path} must be positive: ${factor}`)
    else if (!isMultiple(value, factor)) refuse(`should be a multiple of ${factor}`)
  }
  if (minimum !== undefined) {
    const limit = bound(minimum)
    if (exclusiveMinimum && value <= limit) refuse(`should be greater than ${limit}`)
    if (!exclusiveMinimum && value < limit) refuse(`should be greater than or equal to ${limit}`)
  }
  if (maximum !== undefined) {
    const limit = bound(maximum)
    if (exclusiveMaximum && value >= limit) refuse(`should be less than ${limit}`)
    if (!exclusiveMaximum && value > limit) refuse(`should be less than or equal to ${limit}`)
  }
  findings.fits += 2
}

function isMultiple(value: number, factor: number): boolean {
  const quotient = factor < 1 ? (1 / factor) * value : value / factor
  return Math.abs(quotient - Math.round(quotient)) < 1e-9 * Math.max(1, Math.abs(quotient))
}

function checkRange(
  value: number,
  schema: JSONSchema,
  path: string,
  findings: Findings,
  context: Context,
): void {
  const [type, other] = typesOf(schema)
  const { format = '' } = schema
  if (other !== undefined) return
  const isFraction = type === 'integer' && !Number.isInteger(value)
  const isTooLarge =
    (type === 'integer' && format === 'int32' && (value < -INT32 || value >= INT32)) ||
    (type === 'number' && format === 'float' && Math.abs(value) > MAX_FLOAT32)
  if (isFraction && format !== 'int32' && format !== 'int64')
    addWhole(findings, `Checked value must be of type integer (default format) in ${path}`, context)
  else if (isTooLarge || isFraction)
    addWhole(
      findings,
      `Checked value must be of type ${type} with format ${format} in ${path}`,
      context,
    )
}
