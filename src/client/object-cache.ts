import type { KubernetesObject } from '#api/meta.ts'
import { matchesLabels } from '#api/selectors.ts'
import type { ObjectKey } from './api.ts'
import type { Change } from './informer.ts'

/** The objects of one resource by namespace and name, and whom to tell about changes. */
export interface ObjectCache<T extends KubernetesObject> {
  list(): readonly T[]
  get(key: ObjectKey): T | undefined
  select(namespace: string, labels: Readonly<Record<string, string>>): readonly T[]
  subscribe(listener: (change: Change<T>) => void): () => void
  put(object: T): void
  remove(object: T): void
  /**
   * Takes over a whole list; what is missing in it is reported as deleted. What is newer than the list's
   * `resourceVersion` stays; without one nothing does.
   */
  replace(objects: readonly T[], resourceVersion: string | undefined): void
}

/** `onError` hears of listeners that throw: one of them must not starve the others. */
export function createObjectCache<T extends KubernetesObject>(
  onError: (error: unknown) => void,
): ObjectCache<T> {
  const byNamespace = new Map<string, Map<string, T>>()
  const listeners = new Set<(change: Change<T>) => void>()

  const tell = (listener: (change: Change<T>) => void, change: Change<T>) => {
    try {
      listener(change)
    } catch (error) {
      onError(error)
    }
  }
  const announce = (change: Change<T>) => {
    for (const listener of [...listeners]) tell(listener, change)
  }
  const get = ({ namespace = '', name }: ObjectKey) => byNamespace.get(namespace)?.get(name)
  const list = () => [...byNamespace.values()].flatMap((objects) => [...objects.values()])

  function put(object: T): void {
    const { namespace = '', name } = object.metadata
    const objects = byNamespace.get(namespace) ?? new Map<string, T>()
    byNamespace.set(namespace, objects)
    const previous = objects.get(name)
    if (previous && previous.metadata.uid !== object.metadata.uid) {
      remove(previous) // replaced while nobody watched
      put(object)
      return
    }
    if (previous && previous.metadata.resourceVersion === object.metadata.resourceVersion) return
    objects.set(name, object)
    announce(previous ? { type: 'modified', object, previous } : { type: 'added', object })
  }

  function remove(object: T): void {
    const { namespace = '', name } = object.metadata
    const objects = byNamespace.get(namespace)
    if (!objects?.delete(name)) return
    if (objects.size === 0) byNamespace.delete(namespace)
    announce({ type: 'deleted', object })
  }

  /** What is held and not among `objects`. */
  function missingIn(objects: readonly T[]): readonly T[] {
    if (byNamespace.size === 0) return []
    const keyOf = ({ metadata }: T) => `${metadata.namespace ?? ''}/${metadata.name}`
    const keys = new Set(objects.map(keyOf))
    return list().filter((held) => !keys.has(keyOf(held)))
  }

  return {
    list,
    get,
    put,
    remove,
    select: (namespace, labels) =>
      [...(byNamespace.get(namespace)?.values() ?? [])].filter(({ metadata }) =>
        matchesLabels(labels, metadata.labels),
      ),
    subscribe(listener) {
      listeners.add(listener)
      for (const object of list()) tell(listener, { type: 'added', object })
      return () => listeners.delete(listener)
    },
    replace(objects, resourceVersion) {
      const isAhead = ({ metadata }: T) =>
        resourceVersion !== undefined && isNewer(metadata.resourceVersion, resourceVersion)
      for (const held of missingIn(objects)) if (!isAhead(held)) remove(held)
      for (const object of objects) {
        const held = get(object.metadata)
        if (!held || !isAhead(held)) put(object)
      }
    },
  }
}

/** Resource versions are decimal numbers that grow (KEP-5504). */
export function isNewer(a: string | undefined, b: string | undefined): boolean {
  if (a === undefined || b === undefined) return a !== undefined
  return a.length === b.length ? a > b : a.length > b.length
}
