/** Arithmetic, order, membership and size. Source: cel-go common/stdlib/standard.go. */
import { lengthOf } from '../characters.ts'
import { compare, equals } from '../compare.ts'
import { type Functions, member, type Overload, overload } from '../functions.ts'
import { spend } from '../meter.ts'
import { isInt64, isUint64 } from '../numbers.ts'
import {
  BOOL,
  BYTES,
  DOUBLE,
  DURATION,
  INT,
  listOf,
  mapOf,
  param,
  STRING,
  TIMESTAMP,
  type Type,
  UINT,
} from '../types.ts'
import {
  Duration,
  Failure,
  fail,
  JoinedList,
  type List,
  Timestamp,
  Uint,
  type Value,
} from '../values.ts'
import { MAX_TIME, MIN_TIME } from './time.ts'

const A = param('A')
const B = param('B')

const int = (value: bigint): Value => (isInt64(value) ? value : fail('integer overflow'))
const uint = (value: bigint): Value =>
  isUint64(value) ? new Uint(value) : fail('unsigned integer overflow')
const duration = (nanos: bigint): Value =>
  isInt64(nanos) ? new Duration(nanos) : fail('integer overflow')
const time = (nanos: bigint, offset: number): Value =>
  nanos < MIN_TIME || nanos > MAX_TIME ? fail('timestamp overflow') : new Timestamp(nanos, offset)

const byZero = (value: bigint, what: string): Failure | undefined =>
  value === 0n ? fail(`${what} by zero`) : undefined

const joinBytes = (a: Uint8Array, b: Uint8Array) => Uint8Array.from(Buffer.concat([a, b]))

const later = (at: Timestamp, by: Duration) => time(at.nanos + by.nanos, at.offset)

export const arithmetic: Functions = {
  '_+_': [
    overload('add_bytes', [BYTES, BYTES], BYTES, joinBytes),
    overload('add_double', [DOUBLE, DOUBLE], DOUBLE, (a, b) => a + b),
    overload('add_duration_duration', [DURATION, DURATION], DURATION, (a, b) =>
      duration(a.nanos + b.nanos),
    ),
    overload('add_duration_timestamp', [DURATION, TIMESTAMP], TIMESTAMP, (a, b) => later(b, a)),
    overload('add_timestamp_duration', [TIMESTAMP, DURATION], TIMESTAMP, later),
    overload('add_int64', [INT, INT], INT, (a, b) => int(a + b)),
    overload('add_list', [listOf(A), listOf(A)], listOf(A), joinLists),
    overload('add_string', [STRING, STRING], STRING, joinText),
    overload('add_uint64', [UINT, UINT], UINT, (a, b) => uint(a.value + b.value)),
  ],
  '_/_': [
    overload('divide_double', [DOUBLE, DOUBLE], DOUBLE, (a, b) => a / b),
    overload('divide_int64', [INT, INT], INT, (a, b) => byZero(b, 'division') ?? int(a / b)),
    overload(
      'divide_uint64',
      [UINT, UINT],
      UINT,
      (a, b) => byZero(b.value, 'division') ?? uint(a.value / b.value),
    ),
  ],
  '_%_': [
    overload('modulo_int64', [INT, INT], INT, (a, b) => byZero(b, 'modulus') ?? int(a % b)),
    overload(
      'modulo_uint64',
      [UINT, UINT],
      UINT,
      (a, b) => byZero(b.value, 'modulus') ?? uint(a.value % b.value),
    ),
  ],
  '_*_': [
    overload('multiply_double', [DOUBLE, DOUBLE], DOUBLE, (a, b) => a * b),
    overload('multiply_int64', [INT, INT], INT, (a, b) => int(a * b)),
    overload('multiply_uint64', [UINT, UINT], UINT, (a, b) => uint(a.value * b.value)),
  ],
  '-_': [
    overload('negate_double', [DOUBLE], DOUBLE, (a) => -a),
    overload('negate_int64', [INT], INT, (a) => int(-a)),
  ],
  '_-_': [
    overload('subtract_double', [DOUBLE, DOUBLE], DOUBLE, (a, b) => a - b),
    overload('subtract_duration_duration', [DURATION, DURATION], DURATION, (a, b) =>
      duration(a.nanos - b.nanos),
    ),
    overload('subtract_int64', [INT, INT], INT, (a, b) => int(a - b)),
    overload('subtract_timestamp_duration', [TIMESTAMP, DURATION], TIMESTAMP, (a, b) =>
      time(a.nanos - b.nanos, a.offset),
    ),
    overload('subtract_timestamp_timestamp', [TIMESTAMP, TIMESTAMP], DURATION, (a, b) =>
      duration(a.nanos - b.nanos),
    ),
    overload('subtract_uint64', [UINT, UINT], UINT, (a, b) => uint(a.value - b.value)),
  ],
}

/** Longer texts are no honest values: nothing in a request is as long. */
const MAX_TEXT = 16 * 1024 * 1024

function joinText(a: string, b: string): Value {
  spend((a.length + b.length) / 64)
  return a.length + b.length > MAX_TEXT ? fail('string is too long') : a + b
}

function joinLists(a: List, b: List): Value {
  return a.join ? a.join(b) : new JoinedList(a, b)
}

const ORDERED: readonly (readonly [string, Type])[] = [
  ['bool', BOOL],
  ['int64', INT],
  ['uint64', UINT],
  ['double', DOUBLE],
  ['string', STRING],
  ['bytes', BYTES],
  ['timestamp', TIMESTAMP],
  ['duration', DURATION],
]
const NUMBERS = ORDERED.slice(1, 4)

function relation(name: string, holds: (order: number) => boolean): Overload[] {
  const run = (a: Value, b: Value): Value => {
    const order = compare(a, b)
    return order instanceof Failure ? order : holds(order)
  }
  return [
    ...ORDERED.map(([id, type]) => overload(`${name}_${id}`, [type, type], BOOL, run)),
    ...NUMBERS.flatMap(([id, type]) =>
      NUMBERS.filter(([other]) => other !== id).map(([other, otherType]) =>
        overload(`${name}_${id}_${other}`, [type, otherType], BOOL, run),
      ),
    ),
  ]
}

const same = (a: Value, b: Value): Value => equals(a, b)

export const relations: Functions = {
  '_<_': relation('less', (order) => order < 0),
  '_<=_': relation('less_equals', (order) => order <= 0),
  '_>_': relation('greater', (order) => order > 0),
  '_>=_': relation('greater_equals', (order) => order >= 0),
  '_==_': [overload('equals', [A, A], BOOL, same)],
  '_!=_': [
    // What cannot be compared is not equal.
    overload('not_equals', [A, A], BOOL, (a, b) => equals(a, b) !== true),
  ],
  '@in': [
    overload('in_list', [A, listOf(A)], BOOL, (item, list) => contains(list, item)),
    overload('in_map', [A, mapOf(A, B)], BOOL, (key, map) => {
      const found = map.find(key)
      return found instanceof Failure ? found : found !== undefined
    }),
  ],
}

function contains(list: List, item: Value): Value {
  let failure: Failure | undefined
  for (let index = 0; index < list.length; index++) {
    const same = equals(list.at(index), item)
    if (same === true) return true
    if (same instanceof Failure) failure ??= same
  }
  return failure ?? false
}

/** Evaluation itself knows these: they do not always need all of their arguments. */
const planned = () => fail('no such overload')

export const logic: Functions = {
  '_?_:_': [overload('conditional', [BOOL, A, A], A, planned)],
  '_&&_': [overload('logical_and', [BOOL, BOOL], BOOL, planned)],
  '_||_': [overload('logical_or', [BOOL, BOOL], BOOL, planned)],
  '!_': [overload('logical_not', [BOOL], BOOL, (a) => !a)],
  '@not_strictly_false': [overload('not_strictly_false', [BOOL], BOOL, planned)],
  '_[_]': [
    overload('index_list', [listOf(A), INT], A, planned),
    overload('index_map', [mapOf(A, B), A], B, planned),
  ],
}

const text = (value: string): Value => {
  spend(value.length / 16)
  return BigInt(lengthOf(value))
}

export const sizes: Functions = {
  size: [
    overload('size_bytes', [BYTES], INT, (value) => BigInt(value.length)),
    member('bytes_size', [BYTES], INT, (value) => BigInt(value.length)),
    overload('size_list', [listOf(A)], INT, (value) => BigInt(value.length)),
    member('list_size', [listOf(A)], INT, (value) => BigInt(value.length)),
    overload('size_map', [mapOf(A, B)], INT, (value) => BigInt(value.size)),
    member('map_size', [mapOf(A, B)], INT, (value) => BigInt(value.size)),
    overload('size_string', [STRING], INT, text),
    member('string_size', [STRING], INT, text),
  ],
}
