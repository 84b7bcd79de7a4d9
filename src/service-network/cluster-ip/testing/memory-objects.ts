import type { KubernetesObject } from '#api/meta.ts'
import type { Resource } from '#api/resources.ts'
import type { StoredObjects } from '../stored-objects.ts'

type Follower = Parameters<StoredObjects['follow']>[1]

/** What several API servers share, in memory: writes compare and set, and followers hear of them a turn later. */
export class MemoryObjects implements StoredObjects {
  readonly #objects = new Map<string, KubernetesObject>()
  readonly #followers = new Set<{ readonly prefix: string; readonly follower: Follower }>()
  #revision = 0
  /** When what is created was created; now unless set. */
  creationTime = () => new Date()

  async list<T extends KubernetesObject>(resource: Resource<T>) {
    return this.#under(resource) as T[]
  }

  async get<T extends KubernetesObject>(
    resource: Resource<T>,
    key: { readonly namespace?: string; readonly name: string },
  ) {
    return this.#objects.get(keyOf(resource, key)) as T | undefined
  }

  async create(resource: Resource, object: KubernetesObject): Promise<boolean> {
    await turn()
    const key = keyOf(resource, object.metadata)
    if (this.#objects.has(key)) return false
    const creationTimestamp = `${this.creationTime().toISOString().slice(0, 19)}Z`
    this.#put(key, { ...object, metadata: { uid: key, creationTimestamp, ...object.metadata } })
    return true
  }

  async update(resource: Resource, object: KubernetesObject): Promise<boolean> {
    await turn()
    const key = keyOf(resource, object.metadata)
    if (!this.#isCurrent(key, object)) return false
    this.#put(key, object)
    return true
  }

  async delete(resource: Resource, object: KubernetesObject): Promise<boolean> {
    await turn()
    const key = keyOf(resource, object.metadata)
    if (!this.#isCurrent(key, object)) return false
    this.#objects.delete(key)
    this.#tell(key, (follower) => follower.removed(object))
    return true
  }

  async follow<T extends KubernetesObject>(
    resource: Resource<T>,
    follower: Parameters<StoredObjects['follow']>[1],
  ): Promise<Disposable> {
    follower.replaced(this.#under(resource))
    const entry = { prefix: prefixOf(resource), follower }
    this.#followers.add(entry)
    return { [Symbol.dispose]: () => void this.#followers.delete(entry) }
  }

  #under(resource: Resource): KubernetesObject[] {
    const prefix = prefixOf(resource)
    return [...this.#objects].flatMap(([key, object]) => (key.startsWith(prefix) ? [object] : []))
  }

  #isCurrent(key: string, { metadata }: KubernetesObject): boolean {
    const held = this.#objects.get(key)
    return held !== undefined && held.metadata.resourceVersion === metadata.resourceVersion
  }

  #put(key: string, object: KubernetesObject): void {
    const resourceVersion = String(++this.#revision)
    const stored = { ...object, metadata: { ...object.metadata, resourceVersion } }
    this.#objects.set(key, stored)
    this.#tell(key, (follower) => follower.put(stored))
  }

  #tell(key: string, say: (follower: Follower) => void): void {
    for (const { prefix, follower } of this.#followers) {
      if (key.startsWith(prefix)) queueMicrotask(() => say(follower))
    }
  }
}

const prefixOf = ({ group, plural }: Resource) => `${group}/${plural}/`
const keyOf = (resource: Resource, key: { readonly namespace?: string; readonly name: string }) =>
  `${prefixOf(resource)}${key.namespace ?? ''}/${key.name}`

/** Others get their turn, as at any store. */
const turn = () => new Promise<void>((resolve) => setImmediate(resolve))
