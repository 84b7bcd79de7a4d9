import type { Service } from '#api/core.ts'
import type { EndpointSlice } from '#api/discovery.ts'
import type { ProxiedService, ServiceModel, ServiceModelOptions } from '../model.ts'
import { createClaims, withoutLostFrontends } from './claims.ts'
import { modelService } from './model-service.ts'
import { createVersionedMap } from './versioned-map.ts'

/** The model of one node, kept up to date change by change: what did not change stays the same object. */
export interface ServiceIndex {
  setService(service: Service): void
  deleteService(service: Service): void
  setSlice(slice: EndpointSlice): void
  deleteSlice(slice: EndpointSlice): void
  /** The node's zone or addresses changed: every Service is looked at anew. */
  setNode(node: Pick<ServiceModelOptions, 'zone' | 'nodeAddresses'>): void
  /** The same object until something changes. Costs as much as changed. */
  model(): ServiceModel
}

interface Held {
  service?: Service
  readonly slices: Map<string, EndpointSlice>
}

export function createServiceIndex(initial: ServiceModelOptions): ServiceIndex {
  let options = initial
  const held = new Map<string, Held>()
  const claims = createClaims()
  const dirty = new Set<string>()
  const raw = new Map<string, ProxiedService>()
  let snapshot = createVersionedMap<ProxiedService>()

  function touch(key: string): Held {
    dirty.add(key)
    const existing = held.get(key)
    if (existing) return existing
    const created = { slices: new Map<string, EndpointSlice>() }
    held.set(key, created)
    return created
  }

  function forgetEmpty(key: string): void {
    const { service, slices } = held.get(key)!
    if (!service && slices.size === 0) held.delete(key)
  }

  /** The keys whose frontends changed hands come on top. */
  function remodel(): ReadonlySet<string> {
    const affected = new Set(dirty)
    for (const key of dirty) {
      const { service, slices } = held.get(key) ?? { slices: new Map<string, EndpointSlice>() }
      const modelled = service && modelService(service, [...slices.values()], options)
      const claimant = { key, since: service?.metadata.creationTimestamp ?? '' }
      for (const other of claims.replace(claimant, raw.get(key), modelled)) affected.add(other)
      if (modelled) raw.set(key, modelled)
      else raw.delete(key)
    }
    dirty.clear()
    return affected
  }

  return {
    setService(service) {
      touch(keyOf(service.metadata)).service = service
    },
    deleteService(service) {
      const key = keyOf(service.metadata)
      delete touch(key).service
      forgetEmpty(key)
    },
    setSlice(slice) {
      const key = serviceKeyOf(slice)
      if (key) touch(key).slices.set(slice.metadata.name, slice)
    },
    deleteSlice(slice) {
      const key = serviceKeyOf(slice)
      if (!key) return
      touch(key).slices.delete(slice.metadata.name)
      forgetEmpty(key)
    },
    setNode(node) {
      const { zone: _zone, nodeAddresses: _addresses, ...rest } = options
      options = { ...rest, ...node }
      for (const key of held.keys()) dirty.add(key)
    },
    model() {
      if (dirty.size === 0) return snapshot
      const changes = new Map<string, ProxiedService | undefined>()
      for (const key of remodel()) {
        const service = raw.get(key)
        changes.set(key, service && withoutLostFrontends(key, service, claims))
      }
      snapshot = snapshot.next(changes)
      return snapshot
    },
  }
}

function keyOf({ namespace = '', name }: { readonly namespace?: string; readonly name: string }) {
  return `${namespace}/${name}`
}

function serviceKeyOf({ metadata }: EndpointSlice): string | undefined {
  const name = metadata.labels?.['kubernetes.io/service-name']
  return name === undefined ? undefined : keyOf({ namespace: metadata.namespace ?? '', name })
}
