/** Why an expression does not compile, as cel-go prints it. Source: cel-go common/{error,errors}.go. */

export interface Issue {
  /** In code points of the source. */
  readonly at: number
  readonly message: string
}

/** @throws where the expression cannot be read on. */
export class CompileError extends Error {
  readonly issues: readonly Issue[]
  constructor(issues: readonly Issue[]) {
    super(issues.map(({ message }) => message).join('\n'))
    this.issues = issues
  }
}

const MAX_SHOWN = 100
const MAX_LINE = 16_384

/** `ERROR: <input>:1:6: undefined field 'x'`, the line, and a mark below the place; of all issues, by their place. */
export function formatIssues(issues: readonly Issue[], source: string): string {
  const lines = source.split('\n').map((line) => Array.from(line))
  const placed = issues.slice(0, MAX_SHOWN).map(({ at, message }) => {
    let line = 0
    let column = at
    while (line < lines.length - 1 && column > lines[line]!.length) {
      column -= lines[line]!.length + 1
      line++
    }
    return { line, column, message }
  })
  const sorted = placed.toSorted((a, b) => a.line - b.line || a.column - b.column)
  const left = issues.length - MAX_SHOWN
  return [
    ...sorted.map((one) => formatIssue(one, lines[one.line] ?? [])),
    ...(left > 0 ? [`${left} more errors were truncated`] : []),
  ].join('\n')
}

function formatIssue(
  { line, column, message }: { line: number; column: number; message: string },
  characters: readonly string[],
): string {
  const head = `ERROR: <input>:${line + 1}:${column + 1}: ${message}`
  const text = characters.join('').replaceAll('\t', ' ')
  if (Buffer.byteLength(text) > MAX_LINE) return head
  const isWide = (character = '') => character > '\x7f'
  const dots = characters.slice(0, column).map((one) => (isWide(one) ? '．' : '.'))
  return `${head}\n | ${text}\n | ${dots.join('')}${isWide(characters[column]) ? '＾' : '^'}`
}
