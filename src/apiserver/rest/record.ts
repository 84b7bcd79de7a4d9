import { managedFieldsText } from '#api/apply/managed-fields.ts'
import type { KindSpec, ServedResource } from '#api/kinds/kind-spec.ts'
import type { KubernetesObject } from '#api/meta.ts'
import { apiVersionOf } from '#api/resources.ts'
import { dropNulls, printFields } from '#api/schema/complete-fields.ts'
import { schemaTypeOf } from '#api/schema/schema.ts'
import type { Pieces } from '../http/answer.ts'
import { memoize } from '../memoize.ts'
import { bytesOf } from '../storage/held-item.ts'
import type { StoredItem } from '../storage/store.ts'
import { endOfObject } from './object-end.ts'

/**
 * How objects lie in the store: JSON text that begins with kind, apiVersion and metadata, without the
 * resourceVersion, since that is the item's mod revision. Fixed beginnings let it be spliced in without parsing.
 */
export function encodeRecord(object: KubernetesObject, resource: ServedResource): string {
  const { conversion } = resource
  if (conversion) return encodeRecord(conversion.toStored(object), conversion.stored)
  const { kind: _kind, apiVersion: _apiVersion, metadata, ...rest } = printed(object, resource)
  const { resourceVersion: _, managedFields = [], ...stored } = metadata
  const head = JSON.stringify({
    kind: resource.kind,
    apiVersion: apiVersionOf(resource),
    metadata: stored,
  })
  const owners =
    managedFields.length > 0 ? `,"managedFields":${managedFieldsText(managedFields)}` : ''
  const tail = JSON.stringify(rest)
  return `${head.slice(0, -2)}${owners}}${tail === '{}' ? '' : ','}${tail.slice(1)}`
}

/** As Go prints it; what Go has no type for stays as it was sent. */
export function printed(object: KubernetesObject, resource: ServedResource): KubernetesObject {
  const type = resource.custom ? undefined : schemaTypeOf(resource)
  return type ? printFields(type, object) : object
}

/** As the kinds' own code wants it. */
export function withoutNulls(object: KubernetesObject, resource: ServedResource): KubernetesObject {
  const type = resource.custom ? undefined : schemaTypeOf(resource)
  return type ? dropNulls(type, object) : object
}

const METADATA = '"metadata":{'

type Item = Pick<StoredItem, 'value' | 'modRevision'>

/** The object's text as clients of `resource` see it. */
export function textOf(item: Item, resource: ServedResource): string {
  if (resource.conversion) return JSON.stringify(objectOf(item, resource))
  const { value } = item
  const at = value.indexOf(METADATA) + METADATA.length
  return `${value.slice(0, at)}${revisionOf(item)}${value.slice(at)}`
}

const revisionOf = ({ modRevision }: Item) => `"resourceVersion":"${modRevision}",`

/** A text in two or three pieces, the longest of which are the bytes that are stored. */
export type Splice = readonly [string, ...(string | Buffer)[]]

/** As an item of a list, where Go leaves out the kind and apiVersion of its own types. */
export function spliceItem(item: Item, { resource }: Pick<KindSpec, 'resource'>): Splice {
  if (resource.conversion) {
    const text = textOf(item, resource)
    return [resource.custom ? text : `{${text.slice(text.indexOf(METADATA))}`]
  }
  const bytes = bytesOf(item)
  const at = startOfMetadata(bytes)
  const start = resource.custom ? bytes.toString('utf8', 0, at) : `{${METADATA}`
  return [`${start}${revisionOf(item)}`, bytes.subarray(at)]
}

/** Its metadata alone. */
export function spliceMetadata(item: Item, resource: ServedResource): Splice {
  if (resource.conversion) return [JSON.stringify(objectOf(item, resource).metadata)]
  const { from, end } = metadataSpan(item, METADATA_SPAN)
  return [`{${revisionOf(item)}`, bytesOf(item).subarray(from, end)]
}

export const joined = (pieces: Pieces): string => Array.from(pieces, String).join('')

/** Behind the brace. */
const startOfMetadata = (bytes: Buffer) => bytes.indexOf(METADATA_BYTES) + METADATA_BYTES.length
const METADATA_BYTES = Buffer.from(METADATA)

/** Found once per item: half of a text is metadata, where it has field managers. */
const METADATA_SPAN = {}
const metadataSpan = memoize((item: Item) => {
  const bytes = bytesOf(item)
  const from = startOfMetadata(bytes)
  return { from, end: endOfObject(bytes, from) }
})

/** The object as clients of `resource` see it; without one, as it is stored. */
export function objectOf(item: Item, resource?: ServedResource): KubernetesObject {
  const stored = JSON.parse(item.value) as KubernetesObject // we wrote it
  const object = resource?.conversion
    ? printed(resource.conversion.fromStored(stored), resource)
    : stored
  return { ...object, metadata: { ...object.metadata, resourceVersion: String(item.modRevision) } }
}

/** `/core/pods/default/web`, `/apps/deployments/default/web`, `/core/nodes/node1`. */
export function keyOf(
  resource: ServedResource,
  namespace: string | undefined,
  name: string,
): string {
  return `${prefixOf(resource, namespace)}${name}`
}

/** Where the objects of a resource lie, of one namespace or of all. */
export function prefixOf(resource: ServedResource, namespace?: string): string {
  const { group, plural, namespaced } = resource.conversion?.stored ?? resource
  const root = `/${group === '' ? 'core' : group}/${plural}/`
  return namespaced && namespace !== undefined ? `${root}${namespace}/` : root
}

/** What a list of the resource calls itself. */
export const listKindOf = ({ kind, custom }: ServedResource): string =>
  custom?.listKind ?? `${kind}List`
