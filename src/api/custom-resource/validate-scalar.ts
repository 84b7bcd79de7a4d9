/** Source: kube-openapi pkg/validation/validate/{type,validator,values}.go. */
import { notSupported, tooLong } from '../field-error.ts'
import { equalJSON, type JSONValue } from '../json.ts'
import {
  add,
  addInvalid,
  addMistyped,
  type Context,
  type Findings,
  fieldOf,
  MAX_STEPS,
} from './findings.ts'
import { formatCheck, isKnownFormat } from './formats.ts'
import type { JSONSchema } from './json-schema.ts'
import { compilePattern } from './pattern.ts'

export function typesOf(schema: JSONSchema): readonly string[] {
  if (schema['x-kubernetes-int-or-string']) return ['integer', 'string']
  return schema.type ? [schema.type] : []
}

function typeOf(value: JSONValue): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'array'
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'number'
  return typeof value
}

/** What Go calls the format of a number. */
const GO_FORMATS: Readonly<Record<string, string>> = { integer: 'int64', number: 'float64' }

export function checkType(
  value: JSONValue,
  schema: JSONSchema,
  path: string,
  findings: Findings,
  context: Context,
): void {
  const types = typesOf(schema)
  const is = typeOf(value)
  const format =
    schema.format && isKnownFormat(schema.type ?? '', schema.format) ? schema.format : ''
  if (types.length === 0 && format === '') return
  if (value === null) {
    if (types.length > 0 && !schema.nullable)
      addMistyped(findings, path, types.join(','), 'null', context)
    else findings.fits += 2
    return
  }
  const fits =
    types.includes(is) || (is === 'integer' && types.includes('number')) ? 'type' : undefined
  const isNumeric = types.includes('number') || types.includes('integer')
  const isTextual = typeof value === 'string' || Array.isArray(value)
  if (fits || (format !== '' && isTextual && !isNumeric)) findings.fits += 2
  else if (format !== '' && !isTextual)
    addMistyped(findings, path, format, GO_FORMATS[is] ?? '', context)
  else addMistyped(findings, path, types.join(','), is, context)
}

export function checkString(
  value: string,
  schema: JSONSchema,
  path: string,
  findings: Findings,
  context: Context,
): void {
  const { maxLength, minLength, pattern, format = '' } = schema
  findings.fits++
  // The first rule that is broken is the one that is shown.
  const length = maxLength === undefined && minLength === undefined ? 0 : lengthOf(value)
  if (maxLength !== undefined && length > maxLength) {
    const message = `${path} in body should be at most ${maxLength} chars long`
    add(findings, message, tooLong(fieldOf(path, context), maxLength))
  } else if (minLength !== undefined && length < minLength) {
    addInvalid(findings, path, value, `should be at least ${minLength} chars long`, context)
  } else if (pattern) {
    context.steps += value.length
    if (context.steps > MAX_STEPS) return
    if (!compilePattern(pattern).test(value))
      addInvalid(findings, path, value, `should match '${pattern}'`, context)
  }
  const check = isKnownFormat(schema.type ?? '', format) ? formatCheck(format) : undefined
  if (!check) return
  findings.fits++
  if (!check(value)) addMistyped(findings, path, format, value, context)
}

/** In code points, as Go counts runes. */
function lengthOf(text: string): number {
  let length = 0
  for (let at = 0; at < text.length; length++) at += text.codePointAt(at)! > 0xffff ? 2 : 1
  return length
}

export function checkEnum(
  value: JSONValue,
  { enum: allowed = [] }: JSONSchema,
  path: string,
  findings: Findings,
  context: Context,
): void {
  if (value !== null) findings.fits++
  if (allowed.length === 0 || (value !== null && allowed.some((one) => equalJSON(one, value))))
    return
  const names = allowed.map((one) => (typeof one === 'string' ? one : JSON.stringify(one)))
  const message = `${path} in body should be one of [${names.join(' ')}]`
  add(findings, message, notSupported(fieldOf(path, context), value, names))
}
