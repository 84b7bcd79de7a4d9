/** From one type to another. Source: cel-go common/types, ConvertToType of each. */
import { type Functions, overload } from '../functions.ts'
import { formatDouble, isUint64, parseDouble, parseInteger } from '../numbers.ts'
import {
  BOOL,
  BYTES,
  DOUBLE,
  DURATION,
  DYN,
  INT,
  param,
  STRING,
  TIMESTAMP,
  typeOf,
  UINT,
} from '../types.ts'
import { Duration, fail, Timestamp, TypeValue, typeNameOf, Uint, type Value } from '../values.ts'
import {
  divide,
  formatDuration,
  formatTimestamp,
  MAX_TIME,
  MIN_TIME,
  parseDuration,
  parseTimestamp,
} from './time.ts'

const A = param('A')
const SECOND = 1_000_000_000n
const same = (value: Value): Value => value

const cannot = (to: string, from = 'string') =>
  fail(`type conversion error from '${from}' to '${to}'`)

const TRUE = new Set(['1', 't', 'T', 'TRUE', 'true', 'True'])
const FALSE = new Set(['0', 'f', 'F', 'FALSE', 'false', 'False'])

function toBool(text: string): Value {
  return TRUE.has(text) ? true : FALSE.has(text) ? false : cannot('bool')
}

function doubleToInt(value: number): Value {
  const isInside = value > -(2 ** 63) && value < 2 ** 63
  return isInside ? BigInt(Math.trunc(value)) : fail('integer overflow')
}

function doubleToUint(value: number): Value {
  const isInside = value >= 0 && value < 2 ** 64
  return isInside ? new Uint(BigInt(Math.trunc(value))) : fail('unsigned integer overflow')
}

const toUint = (value: bigint): Value =>
  isUint64(value) ? new Uint(value) : fail('unsigned integer overflow')

function parseUint(text: string): Value {
  const value = parseInteger(text, false)
  return value === undefined ? cannot('uint') : new Uint(value)
}

function bytesToText(bytes: Uint8Array): Value {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return fail('invalid UTF-8 in bytes, cannot convert to string')
  }
}

function textToDuration(text: string): Value {
  const nanos = parseDuration(text)
  return nanos === undefined ? cannot('google.protobuf.Duration') : new Duration(nanos)
}

function atNanos(nanos: bigint): Value {
  return nanos < MIN_TIME || nanos > MAX_TIME ? fail('timestamp overflow') : new Timestamp(nanos)
}

function textToTimestamp(text: string): Value {
  const time = parseTimestamp(text)
  if (!time) return cannot('google.protobuf.Timestamp')
  return time.nanos < MIN_TIME || time.nanos > MAX_TIME ? fail('timestamp overflow') : time
}

export const conversions: Functions = {
  type: [overload('type', [A], typeOf(A), (value) => new TypeValue(typeNameOf(value)))],
  dyn: [overload('to_dyn', [A], DYN, same)],
  bool: [
    overload('bool_to_bool', [BOOL], BOOL, same),
    overload('string_to_bool', [STRING], BOOL, toBool),
  ],
  bytes: [
    overload('bytes_to_bytes', [BYTES], BYTES, same),
    overload('string_to_bytes', [STRING], BYTES, (text) => Uint8Array.from(Buffer.from(text))),
  ],
  double: [
    overload('double_to_double', [DOUBLE], DOUBLE, same),
    overload('int64_to_double', [INT], DOUBLE, Number),
    overload('string_to_double', [STRING], DOUBLE, (text) => parseDouble(text) ?? cannot('double')),
    overload('uint64_to_double', [UINT], DOUBLE, ({ value }) => Number(value)),
  ],
  duration: [
    overload('duration_to_duration', [DURATION], DURATION, same),
    overload('int64_to_duration', [INT], DURATION, () => cannot('google.protobuf.Duration', 'int')),
    overload('string_to_duration', [STRING], DURATION, textToDuration),
  ],
  int: [
    overload('int64_to_int64', [INT], INT, same),
    overload('double_to_int64', [DOUBLE], INT, doubleToInt),
    overload('duration_to_int64', [DURATION], INT, ({ nanos }) => nanos),
    overload('string_to_int64', [STRING], INT, (text) => parseInteger(text, true) ?? cannot('int')),
    overload('timestamp_to_int64', [TIMESTAMP], INT, ({ nanos }) => divide(nanos, SECOND)[0]),
    overload('uint64_to_int64', [UINT], INT, ({ value }) =>
      BigInt.asIntN(64, value) === value ? value : fail('integer overflow'),
    ),
  ],
  string: [
    overload('string_to_string', [STRING], STRING, same),
    overload('bool_to_string', [BOOL], STRING, String),
    overload('bytes_to_string', [BYTES], STRING, bytesToText),
    overload('double_to_string', [DOUBLE], STRING, formatDouble),
    overload('duration_to_string', [DURATION], STRING, formatDuration),
    overload('int64_to_string', [INT], STRING, String),
    overload('timestamp_to_string', [TIMESTAMP], STRING, (time) => formatTimestamp(time)),
    overload('uint64_to_string', [UINT], STRING, ({ value }) => String(value)),
  ],
  timestamp: [
    overload('timestamp_to_timestamp', [TIMESTAMP], TIMESTAMP, same),
    overload('int64_to_timestamp', [INT], TIMESTAMP, (seconds) => atNanos(seconds * SECOND)),
    overload('string_to_timestamp', [STRING], TIMESTAMP, textToTimestamp),
  ],
  uint: [
    overload('uint64_to_uint64', [UINT], UINT, same),
    overload('double_to_uint64', [DOUBLE], UINT, doubleToUint),
    overload('int64_to_uint64', [INT], UINT, toUint),
    overload('string_to_uint64', [STRING], UINT, parseUint),
  ],
}
