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
  /** Takes a kind in, or lets one go that is not served any more, with all its objects. */
  add(name: string, watched: Watched): void
  remove(name: string): void
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
  const informers = new Map(watched.map((one) => [kindOf(one.resource), one]))
  /** Kinds that came later, by the name they came under; `stop` once events are wanted. */
  const later = new Map<string, { readonly watched: Watched; stop?: () => void }>()
  let enqueue: ((key: ObjectKey) => void) | undefined

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
    add(name, one) {
      informers.set(kindOf(one.resource), one)
      const entry = { watched: one }
      later.set(name, enqueue ? { ...entry, stop: subscribe(one, enqueue) } : entry)
    },
    remove(name) {
      const entry = later.get(name)
      if (!entry) return
      later.delete(name)
      entry.stop?.()
      const { resource, informer } = entry.watched
      if (informers.get(kindOf(resource)) === entry.watched) informers.delete(kindOf(resource))
      for (const object of informer.list()) unlink(object)
    },
    start(wanted) {
      enqueue = wanted
      const stops = watched.map((one) => subscribe(one, wanted))
      for (const [name, entry] of later)
        later.set(name, { ...entry, stop: subscribe(entry.watched, wanted) })
      return () => {
        for (const stop of stops) stop()
        for (const { stop } of later.values()) stop?.()
        enqueue = undefined
      }
    },
  }

  function subscribe(
    { resource, informer }: Watched,
    wanted: (key: ObjectKey) => void,
  ): () => void {
    return informer.subscribe(({ type, object, previous }) => {
      const found = { resource, object }
      if (previous) unlink(previous)
      if (type === 'deleted') unlink(object)
      else link(found)
      const { uid = '', deletionTimestamp } = object.metadata
      const isLeaving = deletionTimestamp !== undefined
      const wantChildren = () => {
        for (const child of dependentsOf(uid)) wanted(keyOf(child.resource, child.object.metadata))
      }
      if (type !== 'deleted' && (ownersOf(object).length > 0 || isLeaving))
        wanted(keyOf(resource, object.metadata))
      // The owner is gone, or waits for its dependents to go.
      if (type === 'deleted') {
        wantChildren()
        for (const owner of ownersOf(object)) {
          const parent = byUID.get(owner.uid)
          if (parent) wanted(keyOf(parent.resource, parent.object.metadata))
        }
      } else if (isLeaving && previous?.metadata.deletionTimestamp === undefined) wantChildren()
    })
  }
}

const kindOf = ({ plural, group }: Resource) => `${plural}.${group}`
