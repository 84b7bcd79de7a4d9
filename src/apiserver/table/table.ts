import { quoteLikeGo } from '#api/field-error.ts'
import type { ServedResource } from '#api/kinds/kind-spec.ts'
import type { KubernetesObject } from '#api/meta.ts'
import { badRequest } from '#api/status.ts'
import type { Pieces } from '../http/answer.ts'
import type { Column } from './column.ts'
import { findColumns } from './find-columns.ts'
import { type Row, readCells, rowPieces } from './row.ts'

/** What rows carry besides their cells: kubectl asks for all of the object when it sorts by a path. */
export type IncludeObject = 'None' | 'Metadata' | 'Object'

/** Read only where a Table is asked for. @throws StatusError 400 */
export function includeObjectOf({ query, representation }: Asked): IncludeObject {
  const value = query.get('includeObject') || 'Metadata'
  if (value === 'None' || value === 'Metadata' || value === 'Object') return value
  if (representation('watch') !== 'Table') return 'Metadata'
  const why = `includeObject: Invalid value: ${quoteLikeGo(value)}: must be 'Metadata', 'Object', 'None', or empty`
  throw badRequest(`Unable to convert to Table as requested: ${why}`)
}

interface Asked {
  readonly query: URLSearchParams
  readonly representation: (shape: 'watch') => string
}

export interface TableOptions {
  readonly include: IncludeObject
  readonly resourceVersion: string
  readonly continue?: string
  readonly remainingItemCount?: number
  /** False for the later events of a watch: its client knows them. */
  readonly hasColumns?: boolean
  /** Milliseconds since the epoch; ages count from here. */
  readonly now?: number
}

/** A meta.k8s.io/v1 Table as JSON text. */
export function tableText(
  resource: ServedResource,
  objects: readonly KubernetesObject[],
  options: TableOptions,
): string {
  const columns = findColumns(resource)
  const rows = objects.map((object) => ({
    cells: readCells(object, columns),
    object: [includedText(object, options.include)],
  }))
  return Array.from(tablePieces(columns, rows, options), String).join('')
}

function includedText(object: KubernetesObject, include: IncludeObject): string {
  if (include === 'None') return 'null'
  return include === 'Object' ? JSON.stringify(object) : partialOf(JSON.stringify(object.metadata))
}

/** @param metadata JSON text */
export const partialOf = (metadata: string): string => `${PARTIAL_START}${metadata}}`

/** Up to the metadata. */
export const PARTIAL_START =
  '{"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/v1","metadata":'

/** As tableText(), in pieces, and of rows as they come. */
export function* tablePieces(
  columns: readonly Column[],
  rows: Iterable<Row>,
  { include: _, hasColumns = true, now = Date.now(), ...metadata }: TableOptions,
): Pieces {
  const definitions = hasColumns ? columns.map(describeColumn) : null
  yield `{"kind":"Table","apiVersion":"meta.k8s.io/v1","metadata":${JSON.stringify(metadata)},"columnDefinitions":${JSON.stringify(definitions)},"rows":[`
  let separator = ''
  for (const row of rows) {
    yield* rowPieces(row, now, separator)
    separator = ','
  }
  yield ']}'
}

const describeColumn = ({ name, type, format, description = '', wide, priority }: Column) => ({
  name,
  type,
  format: format ?? '',
  description,
  priority: priority ?? (wide ? 1 : 0),
})
