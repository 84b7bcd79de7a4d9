import type { KubernetesObject } from '../meta.ts'
import type { Resource } from '../resources.ts'
import * as resources from '../resources.ts'
import type { KindSpec } from './kind-spec.ts'

const plain = (resource: Resource, shortNames: readonly string[] = []): KindSpec => ({
  resource,
  singular: resource.kind.toLowerCase(),
  shortNames,
  categories: [],
  subresources: [],
  default: (object: KubernetesObject) => object,
  prepareCreate: (object) => object,
  prepareUpdate: (object) => object,
  validate: () => [],
  validateUpdate: () => [],
})

export const kinds: readonly KindSpec[] = Object.values(resources)
  .filter((value) => typeof value === 'object')
  .map((resource) => plain(resource))

export function findKind(group: string, version: string, plural: string): KindSpec | undefined {
  return kinds.find(
    ({ resource }) =>
      resource.group === group && resource.version === version && resource.plural === plural,
  )
}
