import type { KubernetesObject, OwnerReference } from '#api/meta.ts'
import type { Resource } from '#api/resources.ts'
import type { ObjectKey } from '#client/api.ts'
import type { Informer } from '#client/informer.ts'

/** A kind whose objects are owners or dependents. */
export interface Watched {
  readonly resource: Resource
  readonly informer: Informer<KubernetesObject>
}

/** Who owns whom, as the informers know it. */
export interface Graph {
  /** The object of a key made by {@link keyOf}. */
  find(key: ObjectKey): Found | undefined
  findByUID(uid: string): Found | undefined
  dependentsOf(uid: string): readonly Found[]
  /** Calls back with the keys of objects to look at. */
  start(enqueue: (key: ObjectKey) => void): () => void
}

export interface Found {
  readonly resource: Resource
  readonly object: KubernetesObject
}

/** Namespace and kind in one: `default pods.` — a work queue's key must name the kind too. */
export function keyOf({ group, plural }: Resource, { namespace = '', name }: ObjectKey): ObjectKey {
  return { namespace: `${namespace} ${plural}.${group}`, name }
}

export function createGraph(watched: readonly Watched[]): Graph {
  const byUID = new Map<string, Found>()
  const dependents = new Map<string, Map<string, Found>>()
  const informers = new Map(
    watched.map((one) => [`${one.resource.plural}.${one.resource.group}`, one]),
  )

  const ownersOf = ({ metadata }: KubernetesObject): readonly OwnerReference[] =>
    metadata.ownerReferences ?? []

  function unlink(object: KubernetesObject): void {
    const { uid = '' } = object.metadata
    byUID.delete(uid)
    for (const owner of ownersOf(object)) {
      const children = dependents.get(owner.uid)
      children?.delete(uid)
      if (children?.size === 0) dependents.delete(owner.uid)
    }
  }

  function link(found: Found): void {
    const { uid = '' } = found.object.metadata
    byUID.set(uid, found)
    for (const owner of ownersOf(found.object)) {
      const children = dependents.get(owner.uid) ?? new Map<string, Found>()
      dependents.set(owner.uid, children.set(uid, found))
    }
  }

  const dependentsOf = (uid: string) => [...(dependents.get(uid)?.values() ?? [])]

  return {
    find({ namespace = '', name }) {
      const [space = '', kind = ''] = namespace.split(' ')
      const one = informers.get(kind)
      const object = one?.informer.get({ ...(space !== '' && { namespace: space }), name })
      return one && object && { resource: one.resource, object }
    },
    findByUID: (uid) => byUID.get(uid),
    dependentsOf,
    start(enqueue) {
      const stops = watched.map(({ resource, informer }) =>
        informer.subscribe(({ type, object, previous }) => {
          const found = { resource, object }
          if (previous) unlink(previous)
          if (type === 'deleted') unlink(object)
          else link(found)
          const { uid = '', deletionTimestamp } = object.metadata
          if (
            type !== 'deleted' &&
            (ownersOf(object).length > 0 || deletionTimestamp !== undefined)
          ) {
            enqueue(keyOf(resource, object.metadata))
          }
          // The owner is gone, or waits for its dependents to go.
          if (type === 'deleted') {
            for (const child of dependentsOf(uid))
              enqueue(keyOf(child.resource, child.object.metadata))
            for (const owner of ownersOf(object)) {
              const parent = byUID.get(owner.uid)
              if (parent) enqueue(keyOf(parent.resource, parent.object.metadata))
            }
          } else if (
            deletionTimestamp !== undefined &&
            previous?.metadata.deletionTimestamp === undefined
          ) {
            for (const child of dependentsOf(uid))
              enqueue(keyOf(child.resource, child.object.metadata))
          }
        }),
      )
      return () => stops.forEach((stop) => void stop())
    },
  }
}
