/** What stands behind a dot or in brackets. Source: cel-go interpreter/attributes.go. */
import { formatDouble } from './numbers.ts'
import {
  Dict,
  Failure,
  fail,
  List,
  NONE,
  noOverload,
  Optional,
  typeNameOf,
  Uint,
  type Value,
} from './values.ts'

/** As Go's %v writes a key. */
export function formatKey(key: Value): string {
  if (key instanceof Uint) return String(key.value)
  if (typeof key === 'number') return formatDouble(key)
  return typeof key === 'object' && key !== null ? typeNameOf(key) : String(key)
}

const noKey = (key: Value): Failure => fail(`no such key: ${formatKey(key)}`)

/** The value, a failure, or undefined where there is none. */
function find(target: Value, key: Value, isOptional: boolean): Value | undefined {
  if (target instanceof Dict) return target.find(key)
  if (!(target instanceof List))
    return isOptional || typeof key === 'string' ? undefined : noOverload()
  const index = indexOf(key)
  if (index instanceof Failure) return index
  return index >= 0n && index < target.length ? target.at(Number(index)) : undefined
}

function indexOf(key: Value): bigint | Failure {
  if (typeof key === 'bigint') return key
  if (key instanceof Uint) return key.value
  if (typeof key !== 'number') return fail(`unsupported index type '${typeNameOf(key)}' in list`)
  return Number.isInteger(key)
    ? BigInt(key)
    : fail(`unsupported index value ${formatKey(key)} in list`)
}

const GO_TYPES: Readonly<Record<string, string>> = {
  bytes: 'types.Bytes',
  null_type: 'types.Null',
  optional_type: '*types.Optional',
  type: '*types.Type',
}

/** Why nothing can be looked up by a value of such a type. */
export function whyNoKey(key: Value): Failure | undefined {
  if ((typeof key !== 'object' || key instanceof Uint) && key !== null) return undefined
  const type = typeNameOf(key)
  return fail(`invalid qualifier type: ${GO_TYPES[type] ?? type}`)
}

export interface Found {
  readonly value: Value
  /** Looking up what is not there costs nothing, if it may be missing. */
  readonly isPresent: boolean
}

/** `target.key`, `target[key]`; with `isOptional` as `target.?key` and `target[?key]`. Of an optional, optional again. */
export function access(target: Value, key: Value, isOptional: boolean): Found {
  if (target instanceof Failure) return { value: target, isPresent: false }
  if (key instanceof Failure) return { value: key, isPresent: true }
  const why = whyNoKey(key)
  if (why) return { value: why, isPresent: false }
  if (target instanceof Optional) {
    if (target.value === undefined) return { value: NONE, isPresent: false }
    return access(target.value, key, true)
  }
  const found = find(target, key, isOptional)
  if (found instanceof Failure) return { value: found, isPresent: true }
  if (isOptional)
    return found === undefined
      ? { value: NONE, isPresent: false }
      : { value: new Optional(found), isPresent: true }
  if (found !== undefined) return { value: found, isPresent: true }
  const isOutside = target instanceof List
  const missing = isOutside ? fail(`index out of bounds: ${formatKey(key)}`) : noKey(key)
  return { value: missing, isPresent: true }
}

/** has(target.field) */
export function isPresent(target: Value, field: string): Value {
  if (target instanceof Failure) return target
  if (target instanceof Optional)
    return target.value !== undefined && isPresent(target.value, field)
  const found = find(target, field, true)
  return found instanceof Failure ? found : found !== undefined
}
