import type { Service } from '#api/core.ts'
import type { EndpointSlice } from '#api/discovery.ts'
import type { ProxiedService, ServiceModel, ServiceModelOptions } from '../model.ts'
import { createClaims, withoutLostFrontends } from './claims.ts'
import { modelService } from './model-service.ts'
import { viewOf } from './node-view.ts'
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

/** All that is known of one Service, or of slices whose Service is not there. */
interface Entry {
  readonly key: string
  service: Service | undefined
  /** Nearly every Service has one. */
  slices: readonly EndpointSlice[]
  /** What was last made of both, whatever other Services hold. */
  modelled: ProxiedService | undefined
  /** Changed since. */
  isDirty: boolean
}

const NONE: readonly EndpointSlice[] = []

export function createServiceIndex(initial: ServiceModelOptions): ServiceIndex {
  let options = initial
  let view = viewOf(initial)
  const entries = new Map<string, Entry>()
  const claims = createClaims()
  let dirty: Entry[] = []
  let snapshot = createVersionedMap<ProxiedService>()

  function touch(key: string): Entry {
    let entry = entries.get(key)
    if (!entry) {
      entry = { key, service: undefined, slices: NONE, modelled: undefined, isDirty: false }
      entries.set(key, entry)
    }
    markDirty(entry)
    return entry
  }

  function markDirty(entry: Entry): void {
    if (!entry.isDirty) dirty.push(entry)
    entry.isDirty = true
  }

  /** Those whose frontends changed hands come on top. */
  function remodel(): ReadonlySet<Entry> {
    const affected = new Set(dirty)
    const contend = (key: string) => {
      const other = entries.get(key)
      if (other) affected.add(other)
    }
    for (const entry of dirty) {
      const { key, service, slices, modelled: before } = entry
      entry.isDirty = false
      entry.modelled = service && modelService(service, slices, view)
      const claimant = { key, since: service?.metadata.creationTimestamp ?? '' }
      claims.replace(claimant, before, entry.modelled, contend)
      if (!service && slices.length === 0) entries.delete(key)
    }
    dirty = []
    return affected
  }

  return {
    setService(service) {
      touch(keyOf(service.metadata)).service = service
    },
    deleteService(service) {
      touch(keyOf(service.metadata)).service = undefined
    },
    setSlice(slice) {
      const key = serviceKeyOf(slice)
      if (key === undefined) return
      const entry = touch(key)
      entry.slices = [...without(entry.slices, slice), slice]
    },
    deleteSlice(slice) {
      const key = serviceKeyOf(slice)
      if (key === undefined) return
      const entry = touch(key)
      entry.slices = without(entry.slices, slice)
    },
    setNode(node) {
      const { zone: _zone, nodeAddresses: _addresses, ...rest } = options
      options = { ...rest, ...node }
      view = viewOf(options)
      for (const entry of entries.values()) markDirty(entry)
    },
    model() {
      if (dirty.length === 0) return snapshot
      const changes = new Map<string, ProxiedService | undefined>()
      for (const { key, modelled } of remodel())
        changes.set(key, modelled && withoutLostFrontends(key, modelled, claims))
      snapshot = snapshot.next(changes)
      return snapshot
    },
  }
}

function without(slices: readonly EndpointSlice[], one: EndpointSlice): readonly EndpointSlice[] {
  return slices.filter(({ metadata }) => metadata.name !== one.metadata.name)
}

function keyOf({ namespace = '', name }: { readonly namespace?: string; readonly name: string }) {
  return `${namespace}/${name}`
}

function serviceKeyOf({ metadata }: EndpointSlice): string | undefined {
  const name = metadata.labels?.['kubernetes.io/service-name']
  return name === undefined ? undefined : keyOf({ namespace: metadata.namespace ?? '', name })
}
