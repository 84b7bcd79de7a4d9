import { type KindSpec, VERBS } from '#api/kinds/kind-spec.ts'
import { describeSubresources } from './describe-resource.ts'
import { type Group, groupsOf } from './group-versions.ts'

/** GET /api */
export const coreVersions = {
  kind: 'APIVersions',
  versions: ['v1'],
  serverAddressByClientCIDRs: [],
} as const

/** GET /apis */
export function groupList(kinds: readonly KindSpec[]) {
  const groups = groupsOf(kinds)
    .filter(({ group }) => group !== '')
    .map(groupOf)
  return { kind: 'APIGroupList', apiVersion: 'v1', groups }
}

/** GET /apis/GROUP */
export function groupDocument(kinds: readonly KindSpec[], name: string) {
  const found = groupsOf(kinds).find(({ group }) => group === name)
  return found && name !== ''
    ? { kind: 'APIGroup', apiVersion: 'v1', ...groupOf(found) }
    : undefined
}

function groupOf({ group, versions }: Group) {
  const entries = versions.map(({ version }) => ({ groupVersion: `${group}/${version}`, version }))
  return { name: group, versions: entries, preferredVersion: entries[0]! }
}

/** GET /api/v1 and /apis/GROUP/VERSION */
export function resourceList(kinds: readonly KindSpec[], group: string, version: string) {
  const found = groupsOf(kinds)
    .find((each) => each.group === group)
    ?.versions.find((each) => each.version === version)
  if (!found) return undefined
  const groupVersion = group === '' ? version : `${group}/${version}`
  return {
    kind: 'APIResourceList',
    apiVersion: 'v1',
    groupVersion,
    resources: found.specs.flatMap((spec) => [describe(spec), ...describeBelow(spec)]),
  }
}

const describe = ({ resource, verbs = VERBS, singular, shortNames, categories }: KindSpec) => ({
  name: resource.plural,
  singularName: singular,
  namespaced: resource.namespaced,
  kind: resource.kind,
  verbs,
  ...(shortNames.length > 0 ? { shortNames } : {}),
  ...(categories.length > 0 ? { categories } : {}),
})

const describeBelow = (spec: KindSpec) =>
  describeSubresources(spec).map(({ name, responseKind, verbs }) => ({
    name: `${spec.resource.plural}/${name}`,
    singularName: '',
    namespaced: spec.resource.namespaced,
    ...(responseKind.group === spec.resource.group
      ? {}
      : { group: responseKind.group, version: responseKind.version }),
    kind: responseKind.kind,
    verbs,
  }))
