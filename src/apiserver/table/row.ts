import type { KubernetesObject } from '#api/meta.ts'
import type { Pieces } from '../http/answer.ts'
import type { Column, Timed } from './column.ts'

/** A row's cells: JSON text, broken by what goes with time. */
export type Cells = readonly (string | Timed)[]

export interface Row {
  readonly cells: Cells
  /** What the row carries of its object, as pieces of JSON text. */
  readonly object: readonly (string | Buffer)[]
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

/** @param before What is written before the row */
export function* rowPieces({ cells, object }: Row, now: number, before: string): Pieces {
  let text = `${before}{"cells":[`
  for (const part of cells) text += typeof part === 'string' ? part : JSON.stringify(part(now))
  yield `${text}],"object":`
  yield* object
  yield '}'
}
