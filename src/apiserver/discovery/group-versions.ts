import type { KindSpec } from '#api/kinds/kind-spec.ts'

export interface GroupVersion {
  readonly group: string
  readonly version: string
  /** Sorted by resource name. */
  readonly specs: readonly KindSpec[]
}

/** The kinds by group and version, the core group first. One version a group, so far. */
export function groupVersions(kinds: readonly KindSpec[]): GroupVersion[] {
  const groups = Map.groupBy(kinds, ({ resource }) => `${resource.group}/${resource.version}`)
  return [...groups.values()]
    .map((specs) => ({
      group: specs[0]!.resource.group,
      version: specs[0]!.resource.version,
      specs: specs.toSorted((a, b) => (a.resource.plural < b.resource.plural ? -1 : 1)),
    }))
    .toSorted((a, b) => (a.group < b.group ? -1 : 1))
}
