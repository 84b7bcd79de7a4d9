import { type KindSpec, VERBS } from '#api/kinds/kind-spec.ts'
import { describeSubresources } from './describe-resource.ts'
import { groupsOf } from './group-versions.ts'

export const AGGREGATED_TYPE =
  'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList'

/** The APIGroupDiscoveryList of /api (the core group) or of /apis (all others): kubectl's whole first contact. */
export function aggregatedDiscovery(kinds: readonly KindSpec[], root: 'api' | 'apis') {
  const items = groupsOf(kinds)
    .filter(({ group }) => (group === '') === (root === 'api'))
    .map(({ group, versions }) => ({
      metadata: { ...(group === '' ? {} : { name: group }), creationTimestamp: null },
      versions: versions.map(({ version, specs }) => ({
        version,
        resources: specs.map(describe),
        freshness: 'Current',
      })),
    }))
  return {
    kind: 'APIGroupDiscoveryList',
    apiVersion: 'apidiscovery.k8s.io/v2',
    metadata: {},
    items,
  }
}

function describe(spec: KindSpec) {
  const { group, version, kind, plural, namespaced } = spec.resource
  const subresources = describeSubresources(spec).map(({ name, responseKind, verbs }) => ({
    subresource: name,
    responseKind,
    verbs,
  }))
  return {
    resource: plural,
    responseKind: { group, version, kind },
    scope: namespaced ? 'Namespaced' : 'Cluster',
    singularResource: spec.singular,
    verbs: spec.verbs ?? VERBS,
    ...(spec.shortNames.length > 0 ? { shortNames: spec.shortNames } : {}),
    ...(spec.categories.length > 0 ? { categories: spec.categories } : {}),
    ...(subresources.length > 0 ? { subresources } : {}),
  }
}
