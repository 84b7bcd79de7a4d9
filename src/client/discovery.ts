import type { Resource } from '#api/resources.ts'

/** A resource as the server offers it, in the version that it prefers. */
export interface DiscoveredResource extends Resource {
  readonly verbs: readonly string[]
}

/** What is asked for: all groups in one document (KEP-3352). */
export const DISCOVERY_TYPE = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList'

export interface GroupDiscoveryList {
  readonly items?: readonly {
    readonly metadata?: { readonly name?: string }
    readonly versions?: readonly {
      readonly version: string
      readonly resources?: readonly {
        readonly resource: string
        readonly scope: string
        readonly responseKind?: { readonly kind?: string }
        readonly verbs?: readonly string[]
      }[]
    }[]
  }[]
}

/** Each resource once: in the first of its group's versions that has it. */
export function readDiscovery({ items = [] }: GroupDiscoveryList): DiscoveredResource[] {
  return items.flatMap(({ metadata, versions = [] }) => {
    const found = new Map<string, DiscoveredResource>()
    for (const { version, resources = [] } of versions) {
      for (const { resource: plural, scope, responseKind, verbs = [] } of resources) {
        if (found.has(plural)) continue
        found.set(plural, {
          group: metadata?.name ?? '',
          version,
          kind: responseKind?.kind ?? '',
          plural,
          namespaced: scope === 'Namespaced',
          verbs,
        })
      }
    }
    return [...found.values()]
  })
}
