import type { KindSpec } from '#api/kinds/kind-spec.ts'
import { compareVersions } from '#api/version-priority.ts'

export interface Group {
  readonly group: string
  /** The preferred one first. */
  readonly versions: readonly GroupVersion[]
}

export interface GroupVersion {
  readonly version: string
  /** Sorted by resource name. */
  readonly specs: readonly KindSpec[]
}

/**
 * Where two groups have a resource of one name, clients take the first that discovery lists. Custom groups follow.
 * Source: upstream's group priorities, pkg/controlplane/apiserver/aggregator.go and cmd/kube-apiserver/app/aggregator.go.
 */
const ORDER = [
  '',
  'apps',
  'events.k8s.io',
  'authentication.k8s.io',
  'authorization.k8s.io',
  'autoscaling',
  'batch',
  'certificates.k8s.io',
  'networking.k8s.io',
  'policy',
  'rbac.authorization.k8s.io',
  'storage.k8s.io',
  'apiextensions.k8s.io',
  'scheduling.k8s.io',
  'coordination.k8s.io',
  'discovery.k8s.io',
]

/** The kinds by group and version, in upstream's order. A kind without verbs of its own has only subresources. */
export function groupsOf(kinds: readonly KindSpec[]): Group[] {
  const groups = Map.groupBy(kinds, ({ resource }) => resource.group)
  return [...groups]
    .map(([group, specs]) => ({ group, versions: versionsOf(specs) }))
    .toSorted(({ group: a }, { group: b }) => rank(a) - rank(b) || (a < b ? -1 : 1))
}

function versionsOf(specs: readonly KindSpec[]): GroupVersion[] {
  const versions = Map.groupBy(specs, ({ resource }) => resource.version)
  return [...versions]
    .map(([version, its]) => ({
      version,
      specs: its.toSorted((a, b) => (a.resource.plural < b.resource.plural ? -1 : 1)),
    }))
    .toSorted((a, b) => compareVersions(a.version, b.version))
}

const rank = (group: string) => (ORDER.includes(group) ? ORDER.indexOf(group) : ORDER.length)
