/** Equality and order of values. Source: cel-go common/types; cel-spec doc/langdef.md, "Equality". */
import { compareText } from './characters.ts'
import { spend } from './meter.ts'
import {
  Dict,
  Duration,
  Failure,
  fail,
  List,
  noOverload,
  Opaque,
  Optional,
  Timestamp,
  TypeValue,
  Uint,
  type Value,
} from './values.ts'

/** A bool, or a failure where values cannot be compared. */
export function equals(a: Value, b: Value): boolean | Failure {
  spend(1)
  if (a === null || b === null) return a === b
  if (isNumeric(a)) return isNumeric(b) && compareNumbers(a, b) === 0
  if (typeof a === 'string') {
    if (typeof b !== 'string' || a.length !== b.length) return false
    spend(a.length / 64)
    return a === b
  }
  if (typeof a === 'boolean') return a === b
  if (a instanceof Uint8Array) {
    spend(a.length / 64)
    return b instanceof Uint8Array && Buffer.compare(a, b) === 0
  }
  if (a instanceof Duration) return b instanceof Duration && a.nanos === b.nanos
  if (a instanceof Timestamp) return b instanceof Timestamp && a.nanos === b.nanos
  if (a instanceof TypeValue) return b instanceof TypeValue && a.name === b.name
  if (a instanceof Optional) return b instanceof Optional && equalOptionals(a, b)
  if (a instanceof List) return equalLists(a, b)
  if (a instanceof Dict) return equalDicts(a, b)
  if (a instanceof Failure) return a
  return b instanceof Opaque ? a.equals(b) : noOverload()
}

function equalOptionals(a: Optional, b: Optional): boolean | Failure {
  if (a.value === undefined || b.value === undefined) return a.value === b.value
  return equals(a.value, b.value)
}

function equalLists(a: List, b: Value): boolean | Failure {
  if (!(b instanceof List)) return a.isTyped ? noOverload() : false
  if (a.length !== b.length) return false
  if (a.equalsList) return a.equalsList(b)
  for (let index = 0; index < a.length; index++) {
    const same = equals(a.at(index), b.at(index))
    if (same !== true) return same
  }
  return true
}

function equalDicts(a: Dict, b: Value): boolean | Failure {
  if (!(b instanceof Dict)) return a.isTyped ? noOverload() : false
  if (a.size !== b.size) return false
  if (a.equalsDict) return a.equalsDict(b)
  for (const key of a.keys()) {
    const [x, y] = [a.find(key), b.find(key)]
    if (x === undefined || y === undefined) return false
    const same = equals(x, y)
    if (same !== true) return same
  }
  return true
}

type Numeric = bigint | number | Uint
const isNumeric = (value: Value): value is Numeric =>
  typeof value === 'bigint' || typeof value === 'number' || value instanceof Uint

/** NaN is neither less nor more, and unequal to all. */
function compareNumbers(a: Numeric, b: Numeric): number {
  const x = a instanceof Uint ? a.value : a
  const y = b instanceof Uint ? b.value : b
  if (Number.isNaN(x) || Number.isNaN(y)) return Number.NaN
  return x < y ? -1 : x > y ? 1 : 0 // JavaScript compares bigints and numbers exactly
}

/** Negative, zero or positive; a failure where values have no order. */
export function compare(a: Value, b: Value): number | Failure {
  spend(1)
  if (isNumeric(a) && isNumeric(b)) {
    const order = compareNumbers(a, b)
    return Number.isNaN(order) ? fail('NaN values cannot be ordered') : order
  }
  if (typeof a === 'string' && typeof b === 'string') {
    spend(Math.min(a.length, b.length) / 16)
    return compareText(a, b)
  }
  if (typeof a === 'boolean' && typeof b === 'boolean') return Number(a) - Number(b)
  if (a instanceof Uint8Array && b instanceof Uint8Array) return Buffer.compare(a, b)
  if (a instanceof Duration && b instanceof Duration) return compareNumbers(a.nanos, b.nanos)
  if (a instanceof Timestamp && b instanceof Timestamp) return compareNumbers(a.nanos, b.nanos)
  return noOverload()
}
