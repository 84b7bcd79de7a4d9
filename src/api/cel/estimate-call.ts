/** What a call may cost. Source: cel-go checker/cost.go, ext/lists.go; apiserver pkg/cel/library/cost.go, EstimateCallCost. */
import { LIST_COST, PER_CHARACTER, PER_PATTERN_CHARACTER } from './cost.ts'
import type { SizeAt } from './estimate.ts'
import type { Expression } from './expression.ts'
import {
  add,
  exactly,
  GREATEST,
  multiply,
  type Range,
  scale,
  sum,
  UNKNOWN,
  union,
} from './ranges.ts'
import { isSameType, type Type } from './types.ts'

export interface Node {
  readonly expression: Expression
  readonly type: Type
  readonly path: readonly string[]
  readonly size: Range | undefined
}

export interface CallNode {
  readonly name: string
  readonly target: Node | undefined
  readonly args: readonly Node[]
  readonly costs: readonly Range[]
}

export interface CallEstimate {
  readonly cost: Range
  readonly size?: Range | undefined
}

const ONE = exactly(1)

export function estimateCall(call: CallNode, id: string, sizeAt: SizeAt): CallEstimate {
  const args = sum(call.costs)
  const found = lists(call, id) ?? kubernetes(call, id, sizeAt) ?? standard(call, id)
  if (!found) return { cost: add(ONE, args) }
  return found.includesArgs ? found : { ...found, cost: add(found.cost, args) }
}

interface Estimate extends CallEstimate {
  /** It has counted the costs of its arguments. */
  readonly includesArgs?: boolean
}

const sizeOf = (node: Node | undefined): Range => node?.size ?? UNKNOWN
const walk = (size: Range, times = 1) => scale(size, times * PER_CHARACTER)

/** The value of a literal int, or what it may be at most. */
function intOf(node: Node | undefined, otherwise: number): number {
  if (node?.expression.kind !== 'literal' || typeof node.expression.value !== 'bigint')
    return otherwise
  return Math.max(0, Number(node.expression.value))
}

const allocate = (factor: number, size: Range): Estimate => ({
  cost: sum([scale(size, factor), ONE, exactly(LIST_COST)]),
  size,
})

function lists({ target, args }: CallNode, id: string): Estimate | undefined {
  const size = sizeOf(target)
  const square = multiply(size, size)
  switch (id) {
    case 'list_slice': {
      const length = intOf(args[1], size.max) - intOf(args[0], 0)
      return allocate(1, exactly(length < 0 ? GREATEST : length))
    }
    case 'lists_range':
      return allocate(1, exactly(intOf(args[0], GREATEST)))
    case 'list_reverse':
      return allocate(1, size)
    case 'list_flatten':
    case 'list_flatten_int':
      return allocate(args.length === 1 ? intOf(args[0], GREATEST) : 1, size)
    case 'list_distinct':
      return allocate(2, square)
    case 'list_sets_contains_list':
    case 'list_sets_intersects_list':
      return { cost: add(multiply(sizeOf(args[0]), sizeOf(args[1])), ONE) }
    case 'list_sets_equivalent_list':
      return { cost: add(scale(multiply(sizeOf(args[0]), sizeOf(args[1])), 2), ONE) }
  }
  const [, sorted, by] = /^list_(.+)_sort(ByAssociatedKeys)?$/.exec(id) ?? []
  if (sorted === undefined) return undefined
  const keys = by === undefined ? size : sizeOf(args[0])
  const isText = sorted === 'string' || sorted === 'bytes'
  return allocate(isText ? 2 + PER_CHARACTER : 2, multiply(keys, keys))
}

const names = (text: string): ReadonlySet<string> => new Set(text.split(' '))
const WALK_LIST = names('isSorted sum max min indexOf lastIndexOf')
const WALK_TARGET = names('lowerAscii upperAscii substring trim')
const WALK_FIRST = names('cidr isIP isCIDR quantity isQuantity semver isSemver')
const NOMINAL = names(
  'masked prefixLength family isUnspecified isLoopback isLinkLocalMulticast isLinkLocalUnicast isGlobalUnicast format.named sign asInteger isInteger asApproximateFloat isGreaterThan isLessThan compareTo add sub major minor patch getScheme getHostname getHost getPort getEscapedPath getQuery',
)
const PATTERN_SIZE = 128

function kubernetes(call: CallNode, id: string, sizeAt: SizeAt): Estimate | undefined {
  const { name, target, args } = call
  const [first, second] = args
  if (NOMINAL.has(name)) return { cost: ONE }
  if (WALK_LIST.has(name) && target) return { cost: walkItems(target, sizeAt) }
  if (WALK_TARGET.has(name) && target) return { cost: walk(sizeOf(target)), size: sizeOf(target) }
  if (WALK_FIRST.has(name) && first) return { cost: walk(sizeOf(first)) }
  switch (name) {
    case 'url':
      return { cost: walk(sizeOf(first)), size: sizeOf(first) }
    case 'replace':
      return target && first && second && replaced(sizeOf(target), sizeOf(first), sizeOf(second))
    case 'split': {
      const size = sizeOf(target)
      return { cost: walk(size, 2), size: { min: 0, max: intOf(second, size.max) } }
    }
    case 'join':
      return target && joined(target, first, sizeAt)
    case 'find':
    case 'findAll':
      return { ...search(call), size: { min: 0, max: sizeOf(target).max } }
    case 'ip':
      return { cost: id === 'cidr_ip' ? ONE : walk(sizeOf(first)) }
    case 'ip.isCanonical':
      return { cost: walk(sizeOf(first), 2) }
    case 'containsIP':
    case 'containsCIDR':
      return { cost: contained(name, id, sizeOf(first)) }
    case 'validate':
      return { cost: scale(walk(sizeOf(first)), PATTERN_SIZE * PER_PATTERN_CHARACTER) }
    case '_==_':
      return sameOpaque(first, second)
  }
  return undefined
}

/** Each item, and what is in it where that is text. */
function walkItems(list: Node, sizeAt: SizeAt): Range {
  const [item] = list.type.parameters
  if (!item) return walk(sizeOf(list))
  const isText = item.kind === 'string' || item.kind === 'bytes'
  const each = isText ? add(ONE, walk(itemSize(list, sizeAt))) : ONE
  return multiply(sizeOf(list), each)
}

const itemSize = ({ path }: Node, sizeAt: SizeAt): Range =>
  (path.length === 0 ? undefined : sizeAt([...path, '@items'])) ?? UNKNOWN

function replaced(text: Range, part: Range, by: Range): Estimate {
  const most =
    part.min === 0
      ? { count: text.max + 1, kept: text.max }
      : by.max <= part.min
        ? { count: 0, kept: text.max }
        : { count: Math.ceil(text.max / part.min), kept: 0 }
  const least =
    part.max === 0
      ? { count: text.min + 1, kept: text.min }
      : part.max <= by.min
        ? { count: 0, kept: text.min }
        : { count: Math.ceil(text.min / part.max), kept: 0 }
  const count = { min: least.count, max: Math.min(GREATEST, most.count) }
  const size = add(multiply(count, by), { min: least.kept, max: most.kept })
  return { cost: walk(text, 2), size }
}

function joined(list: Node, separator: Node | undefined, sizeAt: SizeAt): Estimate {
  const count = sizeOf(list)
  const texts = list.type.parameters[0] ? multiply(count, itemSize(list, sizeAt)) : exactly(0)
  const between = { min: Math.max(0, count.min - 1), max: Math.max(0, count.max - 1) }
  const size = separator ? add(texts, multiply(sizeOf(separator), between)) : texts
  return { cost: walk(size), size }
}

const search = ({ target, args }: CallNode): Estimate => ({
  cost: multiply(walk(add(sizeOf(target), ONE)), scale(sizeOf(args[0]), PER_PATTERN_CHARACTER)),
})

function contained(name: string, id: string, other: Range): Range {
  const address = { min: 4, max: 16 }
  const compared = walk(add(address, address))
  const masked = name === 'containsCIDR' ? add(walk(address), ONE) : exactly(0)
  const parsed = id.endsWith('_string') ? walk(other) : exactly(0)
  return sum([compared, masked, parsed])
}

function sameOpaque(a: Node | undefined, b: Node | undefined): Estimate | undefined {
  if (!a || !b || !isSameType(a.type, b.type)) return undefined
  switch (a.type.name) {
    case 'net.IP':
    case 'net.CIDR':
    case 'kubernetes.Quantity':
    case 'kubernetes.Semver':
      return { cost: ONE }
    case 'kubernetes.NamedFormat':
      return { cost: walk({ min: 1, max: 64 }) }
    case 'kubernetes.URL':
      return { cost: walk({ min: 1, max: b.size?.max ?? 1 }) }
  }
  return undefined
}

const COMPARED =
  /^(?:(?:less|less_equals|greater|greater_equals)_(?:string|bytes)|equals|not_equals)$/

function standard(call: CallNode, id: string): Estimate | undefined {
  const { target, args, costs } = call
  const [a, b] = args.map(sizeOf)
  switch (id) {
    case 'string_format':
      return { cost: walk(sizeOf(target)) }
    case 'string_to_bytes':
      return { cost: walk(a!), size: { min: a!.min, max: a!.max * 4 } }
    case 'bytes_to_string':
      return { cost: walk(a!), size: { min: Math.trunc(a!.min / 4), max: a!.max } }
    case 'strings_quote':
      return { cost: walk(a!), size: { min: a!.min + 2, max: a!.max * 2 + 2 } }
    case 'starts_with_string':
    case 'ends_with_string':
      return { cost: walk(a!) }
    case 'in_list':
      return { cost: b! }
    case 'matches_string':
      return search(call)
    case 'contains_string':
      return { cost: multiply(walk(sizeOf(target)), walk(a!)) }
    case 'logical_or':
    case 'logical_and': {
      const [left, right] = costs
      return { cost: { min: left!.min, max: add(left!, right!).max }, includesArgs: true }
    }
    case 'conditional': {
      const [test, yes, no] = costs
      const size = union(b!, sizeOf(args[2]))
      return { cost: add(test!, union(yes!, no!)), size, includesArgs: true }
    }
    case 'add_list':
      return { cost: ONE, size: add(a!, b!) }
    case 'add_string':
    case 'add_bytes':
      return { cost: walk(add(a!, b!)), size: add(a!, b!) }
  }
  if (!COMPARED.test(id)) return undefined
  const smallest = Math.min(a!.max, b!.max)
  return { cost: walk({ min: smallest > 0 ? 1 : 0, max: smallest }) }
}
