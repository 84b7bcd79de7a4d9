/** What a call costs. Source: cel-go interpreter/runtimecost.go; apiserver pkg/cel/library/cost.go, CallCost. */
import { lengthOf } from './characters.ts'
import { patternSizeOf } from './functions/urls.ts'
import { Dict, List, Opaque, Optional, typeNameOf, type Value } from './values.ts'

export const PER_CHARACTER = 0.1
export const PER_PATTERN_CHARACTER = 0.25
export const LIST_COST = 10
export const MAP_COST = 30

/** Characters of longer texts are not counted one by one. */
const LONG = 1024

export function sizeOf(value: Value | undefined): number {
  if (typeof value === 'string') return value.length > LONG ? value.length : lengthOf(value)
  if (value instanceof Uint8Array || value instanceof List) return value.length
  if (value instanceof Dict) return value.size
  if (value instanceof Opaque) return value.size()
  if (value instanceof Optional && value.value !== undefined) return sizeOf(value.value)
  return 1
}

type Cost = (args: readonly Value[], result: Value, id: string) => number

const walk = (size: number, times = 1) => Math.ceil(size * times * PER_CHARACTER)
const one: Cost = () => 1
const walkFirst: Cost = ([value]) => walk(sizeOf(value))
const walkTwice: Cost = ([value]) => walk(sizeOf(value), 2)
const search: Cost = ([text, pattern]) =>
  Math.ceil((1 + sizeOf(text)) * PER_CHARACTER) * Math.ceil(sizeOf(pattern) * PER_PATTERN_CHARACTER)

/** A value with all that is in it. */
function traversal(value: Value | undefined): number {
  if (typeof value === 'string') return Math.trunc(Buffer.byteLength(value) * PER_CHARACTER)
  if (value instanceof Uint8Array) return Math.trunc(value.length * PER_CHARACTER)
  if (value instanceof List) {
    let cost = 0
    for (const item of value) cost += traversal(item)
    return cost
  }
  if (!(value instanceof Dict)) return 1
  let cost = 0
  for (const key of value.keys()) cost += traversal(key) + traversal(value.find(key))
  return cost
}

const allocate = (factor: number, size: number) => Math.trunc(size * factor) + 1 + LIST_COST

/** Each item with each other. */
function selfCompare(list: Value | undefined): number {
  const size = sizeOf(list)
  const first = list instanceof List && size > 0 ? typeNameOf(list.at(0)) : ''
  return allocate(first === 'string' || first === 'bytes' ? 2 + PER_CHARACTER : 2, size * size)
}

function contains(args: readonly Value[], isText: boolean, isNetwork: boolean): number {
  const [network, other] = args
  const size = sizeOf(network)
  const mask = isNetwork ? walk(size) + 1 : 0
  return walk(size, 2) + mask + (isText ? walk(sizeOf(other)) : 0)
}

const sets =
  (factor: number): Cost =>
  ([a, b]) =>
    1 + Math.trunc(sizeOf(a) * sizeOf(b) * factor)

const BY_FUNCTION: Readonly<Record<string, Cost>> = {
  ...named('isSorted sum max min indexOf lastIndexOf', ([value]) => traversal(value)),
  ...named('url lowerAscii upperAscii substring trim', walkFirst),
  ...named('replace split', walkTwice),
  ...named('find findAll', search),
  ...named('cidr isIP isCIDR quantity isQuantity semver isSemver', walkFirst),
  ...named('masked prefixLength family isUnspecified isLoopback isLinkLocalMulticast', one),
  ...named('isLinkLocalUnicast isGlobalUnicast format.named', one),
  ...named('sign asInteger isInteger asApproximateFloat isGreaterThan isLessThan compareTo', one),
  ...named('add sub major minor patch', one),
  ...named('getScheme getHostname getHost getPort getEscapedPath getQuery', one),
  join: (_, result) => walk(sizeOf(result), 2),
  ip: ([value], _, id) => (id === 'cidr_ip' ? 1 : walk(sizeOf(value))),
  'ip.isCanonical': walkTwice,
  containsIP: (args, _, id) => contains(args, id === 'cidr_contains_ip_string', false),
  containsCIDR: (args, _, id) => contains(args, id === 'cidr_contains_cidr_string', true),
  validate: ([format, text]) =>
    Math.ceil((1 + sizeOf(text)) * PER_CHARACTER) *
    Math.ceil((patternSizeOf(format!) ?? 0) * PER_PATTERN_CHARACTER),
  slice: (_, result) => allocate(1, sizeOf(result)),
  'lists.range': (_, result) => allocate(1, sizeOf(result)),
  reverse: (_, result) => allocate(1, sizeOf(result)),
  flatten: ([list, depth]) => allocate(depth === undefined ? 1 : Number(depth), sizeOf(list)),
  distinct: ([list]) => selfCompare(list),
  sort: ([list]) => selfCompare(list),
  '@sortByAssociatedKeys': ([, keys]) => selfCompare(keys),
  'sets.contains': sets(1),
  'sets.intersects': sets(1),
  'sets.equivalent': sets(2),
}

function named(names: string, cost: Cost): Readonly<Record<string, Cost>> {
  return Object.fromEntries(names.split(' ').map((name) => [name, cost]))
}

const least: Cost = ([a, b]) => walk(Math.min(sizeOf(a), sizeOf(b)))
const both: Cost = ([a, b]) => walk(sizeOf(a) + sizeOf(b))

const BY_OVERLOAD: Readonly<Record<string, Cost>> = {
  ...named(
    'starts_with_string ends_with_string string_to_bytes bytes_to_string strings_quote string_format',
    walkFirst,
  ),
  ...named('less_string less_equals_string greater_string greater_equals_string', least),
  ...named('less_bytes less_equals_bytes greater_bytes greater_equals_bytes', least),
  ...named('equals not_equals', least),
  ...named('add_string add_bytes', both),
  in_list: ([, list]) => sizeOf(list),
  matches_string: search,
  contains_string: ([text, part]) => walk(sizeOf(text)) * walk(sizeOf(part)),
}

/** @param id of the overload; empty where only the values tell which it is */
export function callCost(name: string, id: string): Cost {
  if (name === '_==_')
    return (args, result) => (args[0] instanceof Opaque ? 1 : BY_OVERLOAD.equals!(args, result, id))
  return (
    (Object.hasOwn(BY_FUNCTION, name) ? BY_FUNCTION[name] : undefined) ??
    (Object.hasOwn(BY_OVERLOAD, id) ? BY_OVERLOAD[id] : undefined) ??
    one
  )
}
