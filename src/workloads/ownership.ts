import type { KubernetesObject, OwnerReference } from '#api/meta.ts'
import { apiVersionOf, type Resource } from '#api/resources.ts'

/** The reference to the one owner that manages the object. */
export function controllerOf({ metadata }: KubernetesObject): OwnerReference | undefined {
  return metadata.ownerReferences?.find(({ controller }) => controller === true)
}

/** What an object that `owner` makes carries: `owner` manages it, and foreground deletion of `owner` waits for it. */
export function controllerReference(
  resource: Resource,
  { metadata }: KubernetesObject,
): OwnerReference {
  return {
    apiVersion: apiVersionOf(resource),
    kind: resource.kind,
    name: metadata.name,
    uid: metadata.uid ?? '',
    controller: true,
    blockOwnerDeletion: true,
  }
}

export function isControlledBy(object: KubernetesObject, owner: KubernetesObject): boolean {
  return controllerOf(object)?.uid === owner.metadata.uid
}
