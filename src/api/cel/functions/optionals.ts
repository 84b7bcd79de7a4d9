/** Values that may be missing, and maps that grow. Source: cel-go cel/library.go, ext/comprehensions.go. */
import { formatKey } from '../access.ts'
import { type Functions, member, overload } from '../functions.ts'
import { GrowingDict } from '../growing.ts'
import { spend } from '../meter.ts'
import { BOOL, DYN, INT, listOf, mapOf, optionalOf, param, STRING } from '../types.ts'
import {
  ArrayList,
  Dict,
  Duration,
  dictOf,
  fail,
  List,
  NONE,
  Optional,
  Uint,
  type Value,
} from '../values.ts'

const K = param('K')
const V = param('V')
const OPTIONAL = optionalOf(V)
const LIST = listOf(V)
const MAP = mapOf(K, V)

/** Evaluation itself knows these. */
const planned = () => fail('no such overload')

function isZero(value: Value): boolean {
  if (value === null || value === false || value === 0n || value === 0 || value === '') return true
  if (value instanceof Uint) return value.value === 0n
  if (value instanceof Duration) return value.nanos === 0n
  if (value instanceof Uint8Array || value instanceof List) return value.length === 0
  if (value instanceof Optional) return value.value === undefined
  return value instanceof Dict && value.size === 0
}

function unwrap(list: List): Value {
  const found: Value[] = []
  for (const item of list) {
    if (!(item instanceof Optional)) return fail('value is not optional')
    if (item.value !== undefined) found.push(item.value)
  }
  return new ArrayList(found)
}

const contentOf = ({ value }: Optional): Value =>
  value === undefined ? fail('optional.none() dereference') : value

const at = (list: List, index: number): Value =>
  list.length === 0 ? NONE : new Optional(list.at(index))

export const optionalFunctions: Functions = {
  'optional.of': [overload('optional_of', [V], OPTIONAL, (value) => new Optional(value))],
  'optional.ofNonZeroValue': [
    overload('optional_ofNonZeroValue', [V], OPTIONAL, (value) =>
      isZero(value) ? NONE : new Optional(value),
    ),
  ],
  'optional.none': [overload('optional_none', [], OPTIONAL, () => NONE)],
  value: [member('optional_value', [OPTIONAL], V, contentOf)],
  hasValue: [member('optional_hasValue', [OPTIONAL], BOOL, ({ value }) => value !== undefined)],
  or: [member('optional_or_optional', [OPTIONAL, OPTIONAL], OPTIONAL, planned)],
  orValue: [member('optional_orValue_value', [OPTIONAL, V], V, planned)],
  '_?._': [overload('select_optional_field', [DYN, STRING], OPTIONAL, planned)],
  '_[?_]': [
    overload('list_optindex_optional_int', [LIST, INT], OPTIONAL, planned),
    overload('optional_list_optindex_optional_int', [optionalOf(LIST), INT], OPTIONAL, planned),
    overload('map_optindex_optional_value', [MAP, K], OPTIONAL, planned),
    overload('optional_map_optindex_optional_value', [optionalOf(MAP), K], OPTIONAL, planned),
  ],
  '_[_]': [
    overload('optional_list_index_int', [optionalOf(LIST), INT], OPTIONAL, planned),
    overload('optional_map_index_value', [optionalOf(MAP), K], OPTIONAL, planned),
  ],
  first: [member('list_first', [LIST], OPTIONAL, (list) => at(list, 0))],
  last: [member('list_last', [LIST], OPTIONAL, (list) => at(list, list.length - 1))],
  'optional.unwrap': [overload('optional_unwrap', [listOf(OPTIONAL)], LIST, unwrap)],
  unwrapOpt: [member('optional_unwrapOpt', [listOf(OPTIONAL)], LIST, unwrap)],
}

function insert(map: Dict, entries: Iterable<readonly [Value, Value]>): Value {
  const all: (readonly [Value, Value])[] = []
  if (!(map instanceof GrowingDict))
    for (const key of map.keys()) {
      spend(1)
      all.push([key, map.find(key)!])
    }
  for (const [key, value] of entries) {
    spend(1)
    if (map.find(key) !== undefined)
      return fail(`insert failed: key ${formatKey(key)} already exists`)
    if (map instanceof GrowingDict) map.insert(key, value)
    else all.push([key, value])
  }
  return map instanceof GrowingDict ? map : dictOf(all)
}

export const insertFunctions: Functions = {
  'cel.@mapInsert': [
    overload('@mapInsert_map_map', [MAP, MAP], MAP, (map, other) =>
      insert(
        map,
        [...other.keys()].map((key) => [key, other.find(key)!] as const),
      ),
    ),
    overload('@mapInsert_map_key_value', [MAP, K, V], MAP, (map, key, value) =>
      insert(map, [[key, value]]),
    ),
  ],
}
