/** Lists and sets. Source: apiserver pkg/cel/library/lists.go; cel-go ext/{lists,sets}.go, lists in their version 3. */
import { compare, equals } from '../compare.ts'
import { type Functions, member, type Overload, overload } from '../functions.ts'
import { spend } from '../meter.ts'
import {
  BOOL,
  BYTES,
  DOUBLE,
  DURATION,
  DYN,
  INT,
  listOf,
  param,
  STRING,
  TIMESTAMP,
  type Type,
  UINT,
} from '../types.ts'
import {
  ArrayList,
  Duration,
  Failure,
  fail,
  List,
  noOverload,
  typeNameOf,
  Uint,
  type Value,
} from '../values.ts'
import { arithmetic } from './operators.ts'

const T = param('T')
const LIST = listOf(T)

const COMPARABLE: readonly (readonly [string, Type])[] = [
  ['int', INT],
  ['uint', UINT],
  ['double', DOUBLE],
  ['bool', BOOL],
  ['duration', DURATION],
  ['timestamp', TIMESTAMP],
  ['string', STRING],
  ['bytes', BYTES],
]

function isSorted(list: List): Value {
  for (let index = 1; index < list.length; index++) {
    const order = compare(list.at(index - 1), list.at(index))
    if (order instanceof Failure) return order
    if (order > 0) return false
  }
  return true
}

/** The first of those that no other precedes; `sign` is 1 for the least and -1 for the greatest. */
const extreme =
  (name: string, sign: 1 | -1) =>
  (list: List): Value => {
    let found: Value | undefined
    for (const item of list) {
      const order = found === undefined ? 1 : compare(found, item)
      if (order instanceof Failure) return order
      if (found === undefined || order * sign > 0) found = item
    }
    return found ?? (list.length > 0 ? null : fail(`${name} called on empty list`))
  }

const SUMMABLE: readonly (readonly [string, Type, string, Value])[] = [
  ['int', INT, 'add_int64', 0n],
  ['uint', UINT, 'add_uint64', new Uint(0n)],
  ['double', DOUBLE, 'add_double', 0],
  ['duration', DURATION, 'add_duration_duration', new Duration(0n)],
]

const sum = (id: string, zero: Value) => {
  const { run } = arithmetic['_+_']!.find((one) => one.id === id)!
  return (list: List): Value => {
    let total = zero
    for (const item of list) {
      spend(1)
      if (typeNameOf(item) !== typeNameOf(zero)) return noOverload()
      total = run(total, item)
      if (total instanceof Failure) return total
    }
    return total
  }
}

function indexOf(list: List, wanted: Value): Value {
  for (let index = 0; index < list.length; index++)
    if (equals(list.at(index), wanted) === true) return BigInt(index)
  return -1n
}

function lastIndexOf(list: List, wanted: Value): Value {
  for (let index = list.length - 1; index >= 0; index--)
    if (equals(list.at(index), wanted) === true) return BigInt(index)
  return -1n
}

function slice(list: List, start: bigint, end: bigint): Value {
  const cannot = (why: string) => fail(`cannot slice(${start}, ${end}), ${why}`)
  if (start < 0n || end < 0n) return cannot('negative indexes not supported')
  if (start > end) return cannot('start index must be less than or equal to end index')
  if (end > list.length) return cannot(`list is length ${list.length}`)
  const items: Value[] = []
  spend(Number(end - start))
  for (let index = Number(start); index < Number(end); index++) items.push(list.at(index))
  return new ArrayList(items)
}

function flatten(list: List, depth: bigint): Value {
  if (depth < 0n) return fail('level must be non-negative')
  const items: Value[] = []
  const walk = (inner: List, left: bigint) => {
    for (const item of inner) {
      spend(1)
      if (item instanceof List && left > 0n) walk(item, left - 1n)
      else items.push(item)
    }
  }
  walk(list, depth)
  return new ArrayList(items)
}

function sortBy(list: List, keys: List): Value {
  if (list.length !== keys.length)
    return fail(
      `@sortByAssociatedKeys() expected a list of the same size as the associated keys list, but got ${list.length} and ${keys.length} elements respectively`,
    )
  if (list.length === 0) return list
  const all = [...keys]
  const type = typeNameOf(all[0]!)
  if (all.some((key) => typeNameOf(key) !== type))
    return fail('list elements must have the same type')
  if (compare(all[0]!, all[0]!) instanceof Failure) return fail('list elements must be comparable')
  const order = all.map((_, index) => index)
  order.sort((a, b) => {
    const result = compare(all[a]!, all[b]!)
    return result instanceof Failure ? 0 : result
  })
  return new ArrayList(order.map((index) => list.at(index)))
}

function distinct(list: List): Value {
  const found: Value[] = []
  for (const item of list) {
    if (!found.some((other) => equals(item, other) === true)) found.push(item)
  }
  return new ArrayList(found)
}

const MAX_RANGE = 1_000_000n

function range(count: bigint): Value {
  if (count > MAX_RANGE) return fail(`range of ${count} is too long`)
  const length = Math.max(0, Number(count))
  spend(length)
  return new ArrayList(Array.from({ length }, (_, index) => BigInt(index)))
}

function holds(list: List, item: Value): boolean {
  for (const other of list) if (equals(other, item) === true) return true
  return false
}

function includes(list: List, others: List): boolean {
  for (const item of others) if (!holds(list, item)) return false
  return true
}

function intersects(a: List, b: List): boolean {
  for (const item of b) if (holds(a, item)) return true
  return false
}

/** One overload for each type of items. */
function each(
  types: readonly (readonly [string, Type])[],
  id: (name: string) => string,
  result: Type | undefined,
  run: (list: List) => Value,
): Overload[] {
  return types.map(([name, type]) => member(id(name), [listOf(type)], result ?? type, run))
}

export const listFunctions: Functions = {
  isSorted: each(COMPARABLE, (name) => `list_${name}_is_sorted_bool`, BOOL, isSorted),
  max: each(COMPARABLE, (name) => `list_${name}_max_${name}`, undefined, extreme('max', -1)),
  min: each(COMPARABLE, (name) => `list_${name}_min_${name}`, undefined, extreme('min', 1)),
  sum: SUMMABLE.map(([name, type, id, zero]) =>
    member(`list_${name}_sum_${name}`, [listOf(type)], type, sum(id, zero)),
  ),
  indexOf: [member('list_a_index_of_int', [LIST, T], INT, indexOf)],
  lastIndexOf: [member('list_a_last_index_of_int', [LIST, T], INT, lastIndexOf)],
  slice: [member('list_slice', [LIST, INT, INT], LIST, slice)],
  flatten: [
    member('list_flatten', [listOf(LIST)], LIST, (list) => flatten(list, 1n)),
    member('list_flatten_int', [listOf(DYN), INT], listOf(DYN), flatten),
  ],
  sort: COMPARABLE.map(([, type]) =>
    member(`list_${type.name}_sort`, [listOf(type)], listOf(type), (list) => sortBy(list, list)),
  ),
  '@sortByAssociatedKeys': COMPARABLE.map(([, type]) =>
    member(`list_${type.name}_sortByAssociatedKeys`, [LIST, listOf(type)], LIST, sortBy),
  ),
  'lists.range': [overload('lists_range', [INT], listOf(INT), range)],
  reverse: [
    member('list_reverse', [LIST], LIST, (list) => {
      spend(list.length)
      return new ArrayList([...list].reverse())
    }),
  ],
  distinct: [member('list_distinct', [LIST], LIST, distinct)],
  'sets.contains': [overload('list_sets_contains_list', [LIST, LIST], BOOL, includes)],
  'sets.equivalent': [
    overload(
      'list_sets_equivalent_list',
      [LIST, LIST],
      BOOL,
      (a, b) => includes(a, b) && includes(b, a),
    ),
  ],
  'sets.intersects': [overload('list_sets_intersects_list', [LIST, LIST], BOOL, intersects)],
}
