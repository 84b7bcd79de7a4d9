import type { KindSpec, Subresource } from '#api/kinds/kind-spec.ts'
import { servedSubresources } from '../rest/route.ts'

export interface GroupVersionKind {
  readonly group: string
  readonly version: string
  readonly kind: string
}

export interface SubresourceEntry {
  readonly name: Subresource
  readonly responseKind: GroupVersionKind
  readonly verbs: readonly string[]
}

/** The subresources of a kind that this server answers. */
export function describeSubresources({ resource, subresources }: KindSpec): SubresourceEntry[] {
  const { group, version, kind } = resource
  const own: GroupVersionKind = { group, version, kind }
  return subresources
    .filter((name) => servedSubresources.includes(name))
    .map((name) => ({ name, ...shapeOf(name, own) }))
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
}

const STREAM_VERBS = ['create', 'get']
const PROXY_VERBS = ['create', 'delete', 'get', 'patch', 'update']

const connected = (kind: string, verbs: readonly string[]) => ({
  responseKind: { group: '', version: 'v1', kind },
  verbs,
})

function shapeOf(name: Subresource, own: GroupVersionKind): Omit<SubresourceEntry, 'name'> {
  switch (name) {
    case 'scale':
      return {
        responseKind: { group: 'autoscaling', version: 'v1', kind: 'Scale' },
        verbs: ['get', 'patch', 'update'],
      }
    case 'binding':
      return { responseKind: { group: '', version: 'v1', kind: 'Binding' }, verbs: ['create'] }
    case 'eviction':
      return {
        responseKind: { group: 'policy', version: 'v1', kind: 'Eviction' },
        verbs: ['create'],
      }
    case 'exec':
      return connected('PodExecOptions', STREAM_VERBS)
    case 'attach':
      return connected('PodAttachOptions', STREAM_VERBS)
    case 'portforward':
      return connected('PodPortForwardOptions', STREAM_VERBS)
    case 'proxy':
      return connected(`${own.kind}ProxyOptions`, PROXY_VERBS)
    case 'log':
      return { responseKind: own, verbs: ['get'] }
    case 'finalize':
      return { responseKind: own, verbs: ['update'] }
    default:
      return { responseKind: own, verbs: ['get', 'patch', 'update'] }
  }
}
