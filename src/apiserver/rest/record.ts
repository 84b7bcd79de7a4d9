import type { KubernetesObject } from '#api/meta.ts'
import { apiVersionOf, type Resource } from '#api/resources.ts'
import type { StoredItem } from '../storage/store.ts'

/**
 * How objects lie in the store: JSON text that begins with kind, apiVersion and metadata, without the
 * resourceVersion, since that is the item's mod revision. Fixed beginnings let it be spliced in without parsing.
 */
export function encodeRecord(object: KubernetesObject, resource: Resource): string {
  const { kind: _kind, apiVersion: _apiVersion, metadata, ...rest } = object
  const { resourceVersion: _, ...stored } = metadata
  return JSON.stringify({
    kind: resource.kind,
    apiVersion: apiVersionOf(resource),
    metadata: stored,
    ...rest,
  })
}

const METADATA = '"metadata":{'

/** The object's text as clients see it. */
export function textOf(item: Pick<StoredItem, 'value' | 'modRevision'>): string {
  const at = item.value.indexOf(METADATA) + METADATA.length
  return `${item.value.slice(0, at)}"resourceVersion":"${item.modRevision}",${item.value.slice(at)}`
}

export function objectOf(item: Pick<StoredItem, 'value' | 'modRevision'>): KubernetesObject {
  const object = JSON.parse(item.value) as KubernetesObject // we wrote it
  return { ...object, metadata: { ...object.metadata, resourceVersion: String(item.modRevision) } }
}

/** `/core/pods/default/web`, `/apps/deployments/default/web`, `/core/nodes/node1`. */
export function keyOf(resource: Resource, namespace: string | undefined, name: string): string {
  return `${prefixOf(resource, namespace)}${name}`
}

/** Where the objects of a resource lie, of one namespace or of all. */
export function prefixOf({ group, plural, namespaced }: Resource, namespace?: string): string {
  const root = `/${group === '' ? 'core' : group}/${plural}/`
  return namespaced && namespace !== undefined ? `${root}${namespace}/` : root
}
