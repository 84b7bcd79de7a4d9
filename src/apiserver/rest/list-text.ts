/** Lists as JSON text in pieces, spliced from the stored texts. */
import type { KindSpec, ServedResource } from '#api/kinds/kind-spec.ts'
import { apiVersionOf } from '#api/resources.ts'
import type { Representation } from '../http/media-type.ts'
import { memoize } from '../memoize.ts'
import type { StoredItem } from '../storage/store.ts'
import { findColumns } from '../table/find-columns.ts'
import { type Cells, type Row, readCells } from '../table/row.ts'
import { type IncludeObject, partialOf, tablePieces } from '../table/table.ts'
import { itemTextOf, listKindOf, metadataTextOf, objectOf, textOf } from './record.ts'

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
): Generator<string> {
  const { resource } = spec
  const isPartial = representation === 'PartialObjectMetadata'
  const kind = isPartial ? 'PartialObjectMetadataList' : listKindOf(resource)
  const apiVersion = isPartial ? 'meta.k8s.io/v1' : apiVersionOf(resource)
  yield `{"kind":"${kind}","apiVersion":"${apiVersion}","metadata":${JSON.stringify(metadata)},"items":[`
  let separator = ''
  for (const item of items) {
    const text = isPartial ? partialOf(metadataTextOf(item, resource)) : itemTextOf(item, spec)
    yield separator + text
    separator = ','
  }
  yield ']}'
}

export function tableOf(
  { items, metadata }: Page,
  { resource }: KindSpec,
  include: IncludeObject,
): Generator<string> {
  const rows = items.values().map((item) => rowOf(item, resource, include))
  return tablePieces(findColumns(resource), rows, { include, ...metadata })
}

type Item = Pick<StoredItem, 'value' | 'modRevision'>

export function rowOf(item: Item, resource: ServedResource, include: IncludeObject): Row {
  return { cells: cellsOf(item, resource), object: includedText(item, resource, include) }
}

/** Read once from a stored object: tables are asked for again and again, and most of their objects rest. */
const cellsOf: (item: Item, resource: ServedResource) => Cells = memoize((item, resource) =>
  readCells(objectOf(item, resource), findColumns(resource)),
)

function includedText(item: Item, resource: ServedResource, include: IncludeObject): string {
  if (include === 'None') return 'null'
  return include === 'Object' ? textOf(item, resource) : partialOf(metadataTextOf(item, resource))
}
