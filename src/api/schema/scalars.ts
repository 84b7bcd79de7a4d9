import type { JSONValue } from '../json.ts'
import { formatQuantity, parseQuantity } from '../quantity.ts'
import { type GoTime, parseMicroTime, parseTime } from './go-time.ts'

/** A scalar that Go would accept, in the form it would print; or why not. */
export type ScalarResult =
  | { readonly value: JSONValue }
  /** encoding/json says which Go type the value does not fit; the caller knows the field. */
  | { readonly mismatch: string; readonly goType: string }
  /** The type parses itself, and its error stands alone. */
  | { readonly error: string }

const ranges: Readonly<Record<string, readonly [number, number]>> = {
  int32: [-(2 ** 31), 2 ** 31 - 1],
  int64: [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
}

/** What encoding/json calls the kind of a value. */
export function describeJSON(value: JSONValue): string {
  if (Array.isArray(value)) return 'array'
  return typeof value === 'boolean' ? 'bool' : typeof value
}

/**
 * Checks `value` (not null) against one of the schema's scalar types.
 * @param written how a number was written, where JavaScript would write it otherwise
 */
export function checkScalar(
  type: string,
  value: JSONValue,
  goType?: string,
  written?: string,
): ScalarResult {
  switch (type) {
    case 'string':
      return typeof value === 'string' ? { value } : mismatch(value, goType ?? 'string')
    case 'bool':
      return typeof value === 'boolean' ? { value } : mismatch(value, 'bool')
    case 'int32':
    case 'int64':
      return checkInteger(type, value, written)
    case 'double':
      return typeof value === 'number' ? { value } : mismatch(value, 'float64')
    case 'bytes':
      return checkBase64(value)
    case 'Time':
      return checkTime(value, parseTime)
    case 'MicroTime':
      return checkTime(value, parseMicroTime)
    case 'Quantity':
      return checkQuantity(value)
    case '[]string':
      return checkStrings(value)
    case 'IntOrString':
      if (typeof value === 'string') return { value }
      return checkInteger('int32', value, written)
    default:
      return { value }
  }
}

function mismatch(value: JSONValue, goType: string): ScalarResult {
  return { mismatch: describeJSON(value), goType }
}

function checkStrings(value: JSONValue): ScalarResult {
  if (!Array.isArray(value)) return mismatch(value, 'v1.ExtraValue')
  const wrong = value.find((item) => item !== null && typeof item !== 'string')
  if (wrong !== undefined) return mismatch(wrong, 'string')
  return { value: value.map((item) => item ?? '') }
}

/** Go takes neither 1.0 nor 1e2; we take no integer that JavaScript cannot hold, where Go holds up to 2^63. */
function checkInteger(type: string, value: JSONValue, written?: string): ScalarResult {
  if (typeof value !== 'number') return mismatch(value, type)
  const [low, high] = ranges[type]!
  const isInteger = Number.isInteger(value) && !/[.eE]/.test(written ?? '')
  return isInteger && value >= low && value <= high
    ? { value }
    : { mismatch: `number ${written ?? value}`, goType: type }
}

function checkBase64(value: JSONValue): ScalarResult {
  if (typeof value !== 'string') return mismatch(value, '[]uint8')
  // Go's decoder skips line breaks; the stored form has none.
  const text = value.replace(/[\r\n]/g, '')
  const wrong = text.search(/[^A-Za-z0-9+/]/)
  const body = wrong < 0 ? text : text.slice(0, wrong)
  const padding = text.slice(body.length)
  const expected = ['', undefined, '==', '='][body.length % 4]
  if (padding === expected) return { value: text }
  const at = wrong < 0 || padding.startsWith('=') ? text.length : wrong
  return { error: `illegal base64 data at input byte ${at}` }
}

function checkTime(value: JSONValue, parse: (text: string) => GoTime): ScalarResult {
  if (typeof value !== 'string') return mismatch(value, 'string')
  const parsed = parse(value)
  return 'text' in parsed ? { value: parsed.text } : parsed
}

/** apimachinery pkg/api/resource, UnmarshalJSON: a number may stand without quotes, and space around it. */
function checkQuantity(value: JSONValue): ScalarResult {
  const isText = typeof value === 'string' || typeof value === 'number'
  const parsed = parseQuantity(isText ? String(value).trim() : '')
  return 'error' in parsed ? parsed : { value: formatQuantity(parsed) }
}
