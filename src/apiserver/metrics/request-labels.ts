import type { KindSpec } from '#api/kinds/kind-spec.ts'
import type { ResourcePath } from '../http/request-path.ts'

/** What requests are counted by, besides the answer's code. All values are from what is served: no client can make up new ones. */
export interface RequestLabels {
  readonly dry_run: string
  readonly group: string
  readonly resource: string
  readonly scope: string
  readonly subresource: string
  readonly verb: string
  readonly version: string
}

export interface Counted {
  /** As authorizers see it. */
  readonly verb: string
  readonly target: ResourcePath | undefined
  /** Undefined where no resource is asked for, or none that is served. */
  readonly spec: KindSpec | undefined
  readonly query: URLSearchParams
  readonly contentType: string
}

const VERBS: Readonly<Record<string, string>> = {
  get: 'GET',
  head: 'GET',
  list: 'LIST',
  watch: 'WATCH',
  create: 'POST',
  post: 'POST',
  update: 'PUT',
  put: 'PUT',
  patch: 'PATCH',
  delete: 'DELETE',
  deletecollection: 'DELETECOLLECTION',
}
const CONNECTING = new Set(['exec', 'attach', 'portforward', 'proxy'])
const APPLYING = /^application\/apply-patch\+(yaml|cbor)/

/** Source: apiserver endpoints/metrics/metrics.go, cleanVerb() and CleanScope(). */
export function labelsOf({ verb, target, spec, query, contentType }: Counted): RequestLabels {
  const asked = VERBS[verb] ?? 'other'
  if (!target || !spec) {
    const empty = { dry_run: '', group: '', resource: '', scope: '', subresource: '', version: '' }
    return { ...empty, verb: asked }
  }
  const { group, version, plural: resource } = spec.resource
  const known = spec.subresources.some((each) => each === target.subresource)
  const subresource = known ? (target.subresource ?? '') : ''
  const applied = asked === 'PATCH' && APPLYING.test(contentType) ? 'APPLY' : asked
  return {
    dry_run: query.get('dryRun') === 'All' ? 'All' : '',
    group,
    resource,
    scope: scopeOf(asked, target),
    subresource,
    verb: CONNECTING.has(subresource) ? 'CONNECT' : applied,
    version,
  }
}

function scopeOf(verb: string, { name, namespace }: ResourcePath): string {
  if (name !== undefined || verb === 'POST') return 'resource'
  return namespace === undefined ? 'cluster' : 'namespace'
}
