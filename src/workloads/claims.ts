import type { KubernetesObject, LabelSelector } from '#api/meta.ts'
import type { Resource } from '#api/resources.ts'
import { matchesSelector } from '#api/selectors.ts'
import type { API } from '#client/api.ts'
import type { WriteThroughInformer } from '#client/informer.ts'
import { controllerOf, controllerReference, isControlledBy } from './ownership.ts'

export interface Claims<T> {
  /** Owned and still matching. */
  readonly owned: readonly T[]
  /** Without a controller, and matching: they become ours. */
  readonly adopt: readonly T[]
  /** Owned, but no longer matching: somebody took them out by changing a label. */
  readonly release: readonly T[]
}

interface Owner extends KubernetesObject {
  readonly spec: { readonly selector: LabelSelector }
}

/** Sorts the objects of the owner's namespace by whose they are. Source: pkg/controller/controller_ref_manager.go. */
export function planClaims<T extends KubernetesObject>(
  owner: Owner,
  candidates: readonly T[],
): Claims<T> {
  const matches = ({ metadata }: T) => matchesSelector(owner.spec.selector, metadata.labels)
  const ours = candidates.filter((object) => isControlledBy(object, owner))
  const isLeaving = owner.metadata.deletionTimestamp !== undefined
  return {
    owned: ours.filter((object) => matches(object) || isLeaving),
    adopt: isLeaving
      ? []
      : candidates.filter(
          (object) =>
            !controllerOf(object) &&
            object.metadata.deletionTimestamp === undefined &&
            matches(object),
        ),
    release: isLeaving
      ? []
      : ours.filter(
          (object) => !matches(object) && object.metadata.deletionTimestamp === undefined,
        ),
  }
}

/** Adopts and releases. Resolves with all that is owned then. */
export async function applyClaims<T extends KubernetesObject>(
  api: API,
  ownerResource: Resource,
  owner: KubernetesObject,
  resource: Resource<T>,
  informer: Pick<WriteThroughInformer<T>, 'remember'>,
  { owned, adopt, release }: Claims<T>,
): Promise<readonly T[]> {
  const setOwners = async (object: T, ownerReferences: readonly object[]) => {
    const { uid, resourceVersion } = object.metadata
    const written = await api.patch(resource, object.metadata, 'merge', {
      metadata: { uid, resourceVersion, ownerReferences },
    })
    informer.remember(written)
    return written
  }
  for (const object of release) {
    await setOwners(
      object,
      object.metadata.ownerReferences?.filter(({ uid }) => uid !== owner.metadata.uid) ?? [],
    )
  }
  const adopted: T[] = []
  for (const object of adopt) {
    const references = object.metadata.ownerReferences ?? []
    adopted.push(
      await setOwners(object, [...references, controllerReference(ownerResource, owner)]),
    )
  }
  return [...owned, ...adopted]
}
