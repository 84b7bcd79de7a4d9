/**
 * What is wrong with literals though their types fit: durations, times, patterns, lists of several types, and what
 * format() is given. Source: cel-go cel/validator.go, ext/formatting.go; apiserver pkg/cel/environment/base.go.
 */
import { whyNoPattern } from '../custom-resource/pattern.ts'
import type { Checked } from './environment.ts'
import { type Call, childrenOf, type Expression } from './expression.ts'
import { CLAUSES, readPieces } from './functions/format-text.ts'
import { MAX_TIME, MIN_TIME, parseDuration, parseTimestamp } from './functions/time.ts'
import type { Issue } from './issues.ts'
import { formatType, isSameType, type Type, withoutOptional } from './types.ts'
import { Failure, type Value } from './values.ts'

export function checkLiterals({ root, types }: Checked): Issue[] {
  const issues: Issue[] = []
  const typeOf = ({ id }: Expression): Type => types.get(id)!
  const visit = (expression: Expression, isFormatted: boolean) => {
    if (expression.kind === 'call') {
      issues.push(...checkArgument(expression))
      if (expression.name === 'format') issues.push(...checkFormat(expression, typeOf))
    } else if (!isFormatted) issues.push(...checkMixed(expression, typeOf))
    const isBelow = isFormatted || (expression.kind === 'call' && expression.name === 'format')
    for (const child of childrenOf(expression)) visit(child, isBelow)
  }
  visit(root, false)
  return issues
}

const LITERALS: Readonly<Record<string, (value: Value) => boolean>> = {
  duration: (value) => typeof value !== 'string' || parseDuration(value) !== undefined,
  timestamp: (value) =>
    typeof value !== 'string'
      ? typeof value !== 'bigint' || isTime(value * 1_000_000_000n)
      : isTime(parseTimestamp(value)?.nanos),
  matches: (value) => typeof value !== 'string' || whyNoPattern(value) === undefined,
}

const isTime = (nanos: bigint | undefined): boolean =>
  nanos !== undefined && nanos >= MIN_TIME && nanos <= MAX_TIME

function checkArgument({ name, args }: Call): Issue[] {
  const [arg] = args
  if (!Object.hasOwn(LITERALS, name) || arg?.kind !== 'literal') return []
  if (LITERALS[name]!(arg.value)) return []
  return [{ at: arg.at, message: `invalid ${name} argument` }]
}

/** All items of one type, all keys, and all values. */
function checkMixed(expression: Expression, typeOf: (one: Expression) => Type): Issue[] {
  if (expression.kind === 'list') {
    const { items, optionals } = expression
    return findMixed(
      items.map((item, index) => [item, optionals.has(index)] as const),
      typeOf,
    ).slice(0, 1)
  }
  if (expression.kind !== 'map') return []
  const { entries } = expression
  return [
    ...findMixed(
      entries.map(({ key }) => [key, false] as const),
      typeOf,
    ),
    ...findMixed(
      entries.map(({ value, isOptional }) => [value, isOptional] as const),
      typeOf,
    ),
  ]
}

function findMixed(
  parts: readonly (readonly [Expression, boolean])[],
  typeOf: (one: Expression) => Type,
): Issue[] {
  const [first] = parts
  if (!first) return []
  const typeOfPart = ([part, isOptional]: readonly [Expression, boolean]) =>
    isOptional ? withoutOptional(typeOf(part)) : typeOf(part)
  const wanted = typeOfPart(first)
  return parts.slice(1).flatMap((part) => {
    const type = typeOfPart(part)
    if (isSameType(wanted, type)) return []
    const message = `expected type '${formatType(wanted)}' but found '${formatType(type)}'`
    return [{ at: part[0].at, message }]
  })
}

/** What a literal format is given in a literal list. */
function checkFormat(call: Call, typeOf: (one: Expression) => Type): Issue[] {
  const { target, args } = call
  const [list] = args
  if (target?.kind !== 'literal' || typeof target.value !== 'string' || list?.kind !== 'list')
    return []
  let next = 0
  for (const piece of readPieces(target.value)) {
    if (typeof piece === 'string') continue
    if (piece instanceof Failure) return [{ at: call.at, message: piece.message }]
    const item = list.items[next]
    if (!item) return [{ at: call.at, message: `index ${next} out of range` }]
    next++
    const clause = CLAUSES[piece.verb === 'X' ? 'x' : piece.verb]!
    const bad = findUnfit(item, clause.types, piece.verb === 's', typeOf)
    if (bad) {
      const given = typeOf(bad).name
      return [
        { at: bad.at, message: `error during formatting: ${clause.wrong}, was given ${given}` },
      ]
    }
  }
  const left = list.items.length
  if (left <= next) return []
  const message = `too many arguments supplied to string.format (expected ${next}, got ${left})`
  return [{ at: call.at, message }]
}

function findUnfit(
  item: Expression,
  allowed: readonly string[],
  goesDeep: boolean,
  typeOf: (one: Expression) => Type,
): Expression | undefined {
  const { kind, name } = typeOf(item)
  if (kind !== 'dyn' && !allowed.includes(name)) return item
  if (!goesDeep || (item.kind !== 'list' && item.kind !== 'map')) return undefined
  for (const child of childrenOf(item)) {
    const bad = findUnfit(child, allowed, true, typeOf)
    if (bad) return bad
  }
  return undefined
}
