import { quoteLikeGo } from './field-error.ts'

/** Indexes of an Indexed Job's pods: from and to, both included. */
export type IndexInterval = readonly [first: number, last: number]

/**
 * Reads `0-3,7`, as a Job's status and successPolicy have it.
 *
 * @throws SyntaxError with the words of batch/validation, validateIndexesFormat
 */
export function parseIndexes(text: string, completions: number): readonly IndexInterval[] {
  if (text === '') return []
  let last = -1
  return text.split(',').map((part) => {
    const interval = parseInterval(part, completions)
    if (last >= interval[0]) {
      throw new SyntaxError(`non-increasing order, previous: ${last}, current: ${interval[0]}`)
    }
    last = interval[1]
    return interval
  })
}

function parseInterval(text: string, completions: number): IndexInterval {
  const limits = text.split('-')
  if (limits.length > 2) {
    throw new SyntaxError(
      `the fragment ${quoteLikeGo(text)} violates the requirement that an index interval can have at most two parts separated by '-'`,
    )
  }
  const [first, last = first] = limits.map((limit) => parseIndex(limit, completions))
  if (limits.length === 2 && first! >= last!) {
    throw new SyntaxError(`non-increasing order, previous: ${first}, current: ${last}`)
  }
  return [first!, last!]
}

function parseIndex(text: string, completions: number): number {
  if (!/^[+-]?[0-9]+$/.test(text)) {
    throw new SyntaxError(`cannot convert string to integer for index: ${quoteLikeGo(text)}`)
  }
  const index = Number(text)
  if (index >= completions) throw new SyntaxError(`too large index: ${quoteLikeGo(text)}`)
  return index
}

export const countIndexes = (intervals: readonly IndexInterval[]): number =>
  intervals.reduce((sum, [first, last]) => sum + last - first + 1, 0)

export function expandIndexes(intervals: readonly IndexInterval[]): ReadonlySet<number> {
  const all = new Set<number>()
  for (const [first, last] of intervals) for (let at = first; at <= last; at++) all.add(at)
  return all
}

/** `0-3,7`: three and more in a row, and two, become an interval. */
export function formatIndexes(indexes: Iterable<number>): string {
  const parts: [number, number][] = []
  for (const index of [...indexes].sort((a, b) => a - b)) {
    const last = parts.at(-1)
    if (last && last[1] >= index - 1) last[1] = index
    else parts.push([index, index])
  }
  return parts.map(([from, to]) => (from === to ? String(from) : `${from}-${to}`)).join(',')
}

/** The first index that both name. */
export function overlapOf(
  a: readonly IndexInterval[],
  b: readonly IndexInterval[],
): number | undefined {
  for (const [first, last] of a) {
    const other = b.find(([from, to]) => first <= to && from <= last)
    if (other) return Math.max(first, other[0])
  }
  return undefined
}
