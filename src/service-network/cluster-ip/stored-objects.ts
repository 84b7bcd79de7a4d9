import type { KubernetesObject } from '#api/meta.ts'
import type { Resource } from '#api/resources.ts'

/** What is stored, as the API server's Admission port gives it; spelled out, since layers do not import the server. */
export interface StoredObjects {
  list<T extends KubernetesObject>(resource: Resource<T>): Promise<readonly T[]>
  get<T extends KubernetesObject>(
    resource: Resource<T>,
    key: { readonly namespace?: string; readonly name: string },
  ): Promise<T | undefined>
  create(resource: Resource, object: KubernetesObject): Promise<boolean>
  update(resource: Resource, object: KubernetesObject): Promise<boolean>
  delete(resource: Resource, object: KubernetesObject): Promise<boolean>
  follow<T extends KubernetesObject>(
    resource: Resource<T>,
    follower: Follower<T>,
  ): Promise<Disposable>
}

interface Follower<T> {
  replaced(objects: readonly T[]): void
  put(object: T): void
  removed(object: T): void
}
