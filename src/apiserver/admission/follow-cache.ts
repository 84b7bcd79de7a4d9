import type { KubernetesObject } from '#api/meta.ts'
import type { Resource } from '#api/resources.ts'
import type { StoredObjects } from './admission.ts'

/** All objects of a kind of which there are few, as they are stored: what was written a moment ago comes a turn later. */
export interface FollowCache<T extends KubernetesObject> {
  list(): readonly T[]
  start(objects: StoredObjects): Promise<void>
  stop(): void
}

export function followCache<T extends KubernetesObject>(resource: Resource<T>): FollowCache<T> {
  const held = new Map<string, T>()
  let following: Disposable | undefined
  const keyOf = ({ metadata }: T) => `${metadata.namespace ?? ''}/${metadata.name}`
  return {
    list: () => [...held.values()],
    async start(objects) {
      following = await objects.follow(resource, {
        replaced(all) {
          held.clear()
          for (const object of all) held.set(keyOf(object), object)
        },
        put: (object) => void held.set(keyOf(object), object),
        removed: (object) => void held.delete(keyOf(object)),
      })
    },
    stop() {
      following?.[Symbol.dispose]()
    },
  }
}
