/** Lists as JSON text in pieces, spliced from the stored texts. */
import type { KindSpec, ServedResource } from '#api/kinds/kind-spec.ts'
import { apiVersionOf } from '#api/resources.ts'
import type { Pieces } from '../http/answer.ts'
import type { Representation } from '../http/media-type.ts'
import { memoize } from '../memoize.ts'
import type { StoredItem } from '../storage/store.ts'
import { findColumns } from '../table/find-columns.ts'
import { type Cells, type Row, readCells } from '../table/row.ts'
import { type IncludeObject, PARTIAL_START, tablePieces } from '../table/table.ts'
import { listKindOf, objectOf, type Splice, spliceItem, spliceMetadata, textOf } from './record.ts'

/** What a list shows. */
export interface Page {
  readonly items: readonly StoredItem[]
  readonly metadata: {
    readonly resourceVersion: string
    readonly continue?: string
    readonly remainingItemCount?: number
  }
}

export function* listPieces(
  { items, metadata }: Page,
  spec: KindSpec,
  representation: Exclude<Representation, 'Table'>,
): Pieces {
  const { resource } = spec
  const isPartial = representation === 'PartialObjectMetadata'
  const kind = isPartial ? 'PartialObjectMetadataList' : listKindOf(resource)
  const apiVersion = isPartial ? 'meta.k8s.io/v1' : apiVersionOf(resource)
  yield `{"kind":"${kind}","apiVersion":"${apiVersion}","metadata":${JSON.stringify(metadata)},"items":[`
  let separator = ''
  for (const item of items) {
    const [start, ...rest] = isPartial ? splicePartial(item, resource) : spliceItem(item, spec)
    yield separator + start
    yield* rest
    separator = ','
  }
  yield ']}'
}

export function tableOf(
  { items, metadata }: Page,
  { resource }: KindSpec,
  include: IncludeObject,
): Pieces {
  const rows = items.values().map((item) => rowOf(item, resource, include))
  return tablePieces(findColumns(resource), rows, { include, ...metadata })
}

type Item = Pick<StoredItem, 'value' | 'modRevision'>

export function rowOf(item: Item, resource: ServedResource, include: IncludeObject): Row {
  return { cells: cellsOf(item, resource), object: included(item, resource, include) }
}

/** Read once from a stored object: tables are asked for again and again, and most of their objects rest. */
const cellsOf: (item: Item, resource: ServedResource) => Cells = memoize((item, resource) =>
  readCells(objectOf(item, resource), findColumns(resource)),
)

function included(item: Item, resource: ServedResource, include: IncludeObject): Row['object'] {
  if (include === 'None') return ['null']
  return include === 'Object' ? [textOf(item, resource)] : splicePartial(item, resource)
}

/** A PartialObjectMetadata of a stored item. */
export function splicePartial(item: Item, resource: ServedResource): Splice {
  const [start, ...rest] = spliceMetadata(item, resource)
  return [`${PARTIAL_START}${start}`, ...rest, '}']
}
