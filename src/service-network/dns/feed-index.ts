import type { Namespace, Service } from '#api/core.ts'
import type { EndpointSlice } from '#api/discovery.ts'
import type { KubernetesObject } from '#api/meta.ts'
import type { Informer } from '#client/informer.ts'
import type { MutableClusterIndex } from './cluster-index.ts'

export interface IndexSources {
  readonly services: Informer<Service>
  readonly slices: Informer<EndpointSlice>
  readonly namespaces: Informer<Namespace>
}

/** Keeps the index equal to what the informers hold. Resolves when all have listed once. */
export async function feedIndex(
  index: MutableClusterIndex,
  { services, slices, namespaces }: IndexSources,
): Promise<void> {
  follow(
    services,
    (object) => index.setService(object),
    (object) => index.deleteService(object),
  )
  follow(
    slices,
    (object) => index.setSlice(object),
    (object) => index.deleteSlice(object),
  )
  follow(
    namespaces,
    (object) => index.setNamespace(object),
    (object) => index.deleteNamespace(object),
  )
  await Promise.all([services.synced, slices.synced, namespaces.synced])
  index.isSynced = true
}

function follow<T extends KubernetesObject>(
  informer: Informer<T>,
  set: (object: T) => void,
  remove: (object: T) => void,
): void {
  informer.subscribe(({ type, object, previous }) => {
    // A slice may move to another Service: it must leave the one it was of.
    if (previous) remove(previous)
    if (type === 'deleted') remove(object)
    else set(object)
  })
}
