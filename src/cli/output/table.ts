import { stripVTControlCharacters } from 'node:util'

/** Columns as wide as their widest cell, two blanks apart, as kubectl's; the last one is not padded. */
export function formatTable(
  headings: readonly string[],
  rows: readonly (readonly string[])[],
): string {
  const lines = [headings, ...rows]
  const widths = headings.map((_, column) =>
    Math.max(...lines.map((line) => widthOf(line[column] ?? ''))),
  )
  const format = (line: readonly string[]) =>
    line
      .map((cell, column) =>
        column === line.length - 1 ? cell : cell + ' '.repeat(widths[column]! - widthOf(cell) + 2),
      )
      .join('')
  return `${lines.map(format).join('\n')}\n`
}

function widthOf(text: string): number {
  return [...stripVTControlCharacters(text)].length
}
