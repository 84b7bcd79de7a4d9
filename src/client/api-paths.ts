import type { Resource } from '#api/resources.ts'
import type { ListOptions, ObjectKey } from './api.ts'

/** `/api/v1/namespaces/default/pods`; without a namespace, the collection of all namespaces. */
export function collectionPath(
  { group, version, plural, namespaced }: Resource,
  namespace?: string,
): string {
  const root = group === '' ? `/api/${version}` : `/apis/${group}/${version}`
  const scope =
    namespaced && namespace !== undefined ? `/namespaces/${encodeURIComponent(namespace)}` : ''
  return `${root}${scope}/${plural}`
}

/** @throws TypeError for a namespaced resource without a namespace: it would address another resource. */
export function objectPath(
  resource: Resource,
  { namespace, name }: ObjectKey,
  subresource?: string,
): string {
  if (resource.namespaced && !namespace) {
    throw new TypeError(`Cannot address ${resource.kind} "${name}": it has no namespace`)
  }
  if (name === '' || name === '.' || name === '..') {
    throw new TypeError(`Cannot address a ${resource.kind}: its name is ${JSON.stringify(name)}`)
  }
  const path = `${collectionPath(resource, namespace)}/${encodeURIComponent(name)}`
  return subresource === undefined ? path : `${path}/${subresource}`
}

/** Adds the parameters that are set. */
export function withQuery(
  path: string,
  parameters: Readonly<Record<string, string | number | boolean | undefined>>,
): string {
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== undefined && value !== '') query.set(name, String(value))
  }
  return query.size === 0 ? path : `${path}?${query}`
}

export function selectorsOf({ labelSelector, fieldSelector }: ListOptions) {
  return { labelSelector, fieldSelector }
}
