/** What differs between two texts, as Python's difflib and Go's go-difflib find and print it: hunks with three lines around. */

interface Block {
  readonly a: number
  readonly b: number
  readonly size: number
}

interface Change {
  readonly tag: 'equal' | 'replace' | 'delete' | 'insert'
  readonly a: readonly [number, number]
  readonly b: readonly [number, number]
}

const CONTEXT = 3
/** From so many lines on, one that is more than a hundredth of them joins no two parts (autojunk). */
const MANY_LINES = 200

/** Each line with its break; no heads (`---`, `+++`), since neither text has a name. Empty where both are equal. */
export function unifiedDiff(before: string, after: string): string {
  const a = before.split('\n')
  const b = after.split('\n')
  return groupChanges(findChanges(findBlocks(a, b), a.length, b.length))
    .map((group) => printHunk(group, a, b))
    .join('')
}

/** Where each line of `b` lies, but for those that lie nearly everywhere. */
function indexLines(b: readonly string[]): ReadonlyMap<string, readonly number[]> {
  const index = new Map<string, number[]>()
  for (const [at, line] of b.entries()) {
    const held = index.get(line)
    if (held) held.push(at)
    else index.set(line, [at])
  }
  if (b.length < MANY_LINES) return index
  const most = Math.floor(b.length / 100) + 1
  for (const [line, places] of index) if (places.length > most) index.delete(line)
  return index
}

function findBlocks(a: readonly string[], b: readonly string[]): readonly Block[] {
  const index = indexLines(b)
  const found: Block[] = []
  const ranges: (readonly [number, number, number, number])[] = [[0, a.length, 0, b.length]]
  for (let range = ranges.pop(); range; range = ranges.pop()) {
    const [aLow, aHigh, bLow, bHigh] = range
    const block = findLongest(a, b, index, range)
    if (block.size === 0) continue
    found.push(block)
    const [aEnd, bEnd] = [block.a + block.size, block.b + block.size]
    if (aLow < block.a && bLow < block.b) ranges.push([aLow, block.a, bLow, block.b])
    if (aEnd < aHigh && bEnd < bHigh) ranges.push([aEnd, aHigh, bEnd, bHigh])
  }
  return joinBlocks(found.sort((x, y) => x.a - y.a))
}

/** The longest run of equal lines; of two, that which begins first in `a`, then in `b`. */
function findLongest(
  a: readonly string[],
  b: readonly string[],
  index: ReadonlyMap<string, readonly number[]>,
  [aLow, aHigh, bLow, bHigh]: readonly [number, number, number, number],
): Block {
  let best: Block = { a: aLow, b: bLow, size: 0 }
  let lengths = new Map<number, number>()
  for (let i = aLow; i < aHigh; i++) {
    const next = new Map<number, number>()
    for (const j of index.get(a[i]!) ?? []) {
      if (j < bLow) continue
      if (j >= bHigh) break
      const size = (lengths.get(j - 1) ?? 0) + 1
      next.set(j, size)
      if (size > best.size) best = { a: i - size + 1, b: j - size + 1, size }
    }
    lengths = next
  }
  let { a: start, b: other, size } = best
  while (start > aLow && other > bLow && a[start - 1] === b[other - 1]) {
    start--
    other--
    size++
  }
  while (start + size < aHigh && other + size < bHigh && a[start + size] === b[other + size]) size++
  return { a: start, b: other, size }
}

/** Neighbours become one. */
function joinBlocks(blocks: readonly Block[]): readonly Block[] {
  const joined: Block[] = []
  for (const block of blocks) {
    const last = joined.at(-1)
    if (last && last.a + last.size === block.a && last.b + last.size === block.b)
      joined[joined.length - 1] = { ...last, size: last.size + block.size }
    else joined.push(block)
  }
  return joined
}

function findChanges(blocks: readonly Block[], aLength: number, bLength: number): Change[] {
  const changes: Change[] = []
  let [i, j] = [0, 0]
  for (const { a, b, size } of [...blocks, { a: aLength, b: bLength, size: 0 }]) {
    if (i < a || j < b) {
      const tag = i === a ? 'insert' : j === b ? 'delete' : 'replace'
      changes.push({ tag, a: [i, a], b: [j, b] })
    }
    i = a + size
    j = b + size
    if (size > 0) changes.push({ tag: 'equal', a: [a, i], b: [b, j] })
  }
  return changes
}

/** Changes with the lines around them; where more than twice as many are equal, a new group begins. */
function groupChanges(changes: readonly Change[]): Change[][] {
  const groups: Change[][] = []
  let group: Change[] = []
  for (const [at, change] of changes.entries()) {
    if (change.tag !== 'equal') {
      group.push(change)
      continue
    }
    const [first, last] = [at === 0, at === changes.length - 1]
    const { a, b } = change
    const size = a[1] - a[0]
    const head = Math.min(size, CONTEXT)
    const tail = Math.max(size - CONTEXT, 0)
    if (first) group.push({ tag: 'equal', a: [a[0] + tail, a[1]], b: [b[0] + tail, b[1]] })
    else if (last) group.push({ tag: 'equal', a: [a[0], a[0] + head], b: [b[0], b[0] + head] })
    else if (size <= 2 * CONTEXT) group.push(change)
    else {
      group.push({ tag: 'equal', a: [a[0], a[0] + head], b: [b[0], b[0] + head] })
      groups.push(group)
      group = [{ tag: 'equal', a: [a[0] + tail, a[1]], b: [b[0] + tail, b[1]] }]
    }
  }
  groups.push(group)
  return groups.filter((each) => each.some(({ tag }) => tag !== 'equal'))
}

function printHunk(group: readonly Change[], a: readonly string[], b: readonly string[]): string {
  const [first, last] = [group[0]!, group.at(-1)!]
  const lines = [
    `@@ -${printRange(first.a[0], last.a[1])} +${printRange(first.b[0], last.b[1])} @@`,
  ]
  for (const { tag, a: from, b: to } of group) {
    if (tag === 'equal') lines.push(...a.slice(...from).map((line) => ` ${line}`))
    if (tag === 'replace' || tag === 'delete')
      lines.push(...a.slice(...from).map((line) => `-${line}`))
    if (tag === 'replace' || tag === 'insert')
      lines.push(...b.slice(...to).map((line) => `+${line}`))
  }
  return `${lines.join('\n')}\n`
}

/** Lines are counted from 1, and a range of none is named by the line before it. */
function printRange(start: number, end: number): string {
  const length = end - start
  if (length === 1) return `${start + 1}`
  return length === 0 ? `${start},0` : `${start + 1},${length}`
}
