import type { KubernetesObject } from '#api/meta.ts'
import type { Column, Timed } from './column.ts'

/** A row's cells: JSON text, broken by what goes with time. */
export type Cells = readonly (string | Timed)[]

export interface Row {
  readonly cells: Cells
  /** What the row carries of its object, as JSON text. */
  readonly object: string
}

export function readCells(object: KubernetesObject, columns: readonly Column[]): Cells {
  const parts: (string | Timed)[] = []
  let written: string[] = []
  for (const [i, { cell }] of columns.entries()) {
    if (i > 0) written.push(',')
    const value = cell(object)
    if (typeof value === 'function') {
      parts.push(written.join(''), value)
      written = []
    } else written.push(JSON.stringify(value ?? null)) // lenient towards what was stored by other rules
  }
  return [...parts, written.join('')]
}

export function rowText({ cells, object }: Row, now: number): string {
  let text = '{"cells":['
  for (const part of cells) text += typeof part === 'string' ? part : JSON.stringify(part(now))
  return `${text}],"object":${object}}`
}
