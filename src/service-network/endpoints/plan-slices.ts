import type { Service } from '#api/core.ts'
import type { EndpointSlice } from '#api/discovery.ts'
import { equalJSON } from '#api/json.ts'
import type { ObjectMeta, OwnerReference } from '#api/meta.ts'
import { type PortGroup, packSlices, portsKey } from './pack-slices.ts'
import { TRIGGER_TIME } from './trigger-times.ts'

export const MANAGED_BY = 'endpointslice.kubernetes.io/managed-by'
export const SERVICE_NAME = 'kubernetes.io/service-name'
export const HEADLESS = 'service.kubernetes.io/headless'

const DEFAULT_MAX_ENDPOINTS = 100

export interface SlicePlan {
  readonly create: readonly EndpointSlice[]
  readonly update: readonly EndpointSlice[]
  readonly remove: readonly EndpointSlice[]
}

/** What slices are made from: a Service's pods, or an Endpoints object. */
export interface SliceSource {
  readonly service: Service
  readonly owner: OwnerReference
  readonly addressType: 'IPv4' | 'IPv6'
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
  readonly groups: readonly PortGroup[]
  /** A slice without endpoints says "none" where there would be no slice at all. */
  readonly placeholder: boolean
  /** When the first change happened that the slices do not show yet. */
  readonly triggerTime: string | undefined
  readonly maxEndpoints?: number
}

/** The writes that make the slices `held` say what the source says, and no more writes than that. */
export function planSlices(source: SliceSource, held: readonly EndpointSlice[]): SlicePlan {
  const { addressType, maxEndpoints = DEFAULT_MAX_ENDPOINTS, owner } = source
  const isUsable = (slice: EndpointSlice) =>
    slice.addressType === addressType &&
    slice.metadata.ownerReferences?.some(({ uid }) => uid === owner.uid) === true
  const usable = held.filter(isUsable)
  const groups = mergeGroups(source.groups)
  const create: PortGroup[] = []
  const updates: ReturnType<typeof packSlices>['update'][number][] = []
  const leftovers = usable.filter(({ ports }) => !groups.has(portsKey(ports ?? [])))
  for (const [key, group] of groups) {
    const changes = packSlices(
      group,
      usable.filter(({ ports }) => portsKey(ports ?? []) === key),
      maxEndpoints,
    )
    create.push(...changes.create)
    updates.push(...changes.update)
    leftovers.push(...changes.remove)
  }
  if (source.placeholder && create.length === 0 && groups.size === 0) {
    const empty = leftovers.findIndex(
      (slice) => (slice.endpoints ?? []).length === 0 && (slice.ports ?? []).length === 0,
    )
    if (empty >= 0) leftovers.splice(empty, 1)
    else create.push({ ports: [], endpoints: [] })
  }
  // An object that would go is written anew instead: one write, and no moment without endpoints.
  while (create.length > 0 && leftovers.length > 0)
    updates.push({ slice: leftovers.shift()!, ...create.shift()! })

  const updated = new Set(updates.map(({ slice }) => slice))
  const gone = new Set(leftovers)
  const stale = usable.filter(
    (slice) => !updated.has(slice) && !gone.has(slice) && !hasMetadata(source, slice.metadata),
  )
  return {
    create: create.map((group) => makeSlice(source, group)),
    update: [
      ...updates.map(({ slice, ports, endpoints }) => ({
        ...slice,
        metadata: { ...slice.metadata, ...metadataOf(source, slice.metadata) },
        ports,
        endpoints,
      })),
      ...stale.map((slice) => ({
        ...slice,
        metadata: { ...slice.metadata, ...metadataOf(source, slice.metadata) },
      })),
    ],
    remove: [...leftovers, ...held.filter((slice) => !isUsable(slice))],
  }
}

function mergeGroups(groups: readonly PortGroup[]): Map<string, PortGroup> {
  const merged = new Map<string, PortGroup>()
  for (const { ports, endpoints } of groups) {
    const key = portsKey(ports)
    merged.set(key, { ports, endpoints: [...(merged.get(key)?.endpoints ?? []), ...endpoints] })
  }
  return merged
}

function makeSlice(source: SliceSource, { ports, endpoints }: PortGroup): EndpointSlice {
  const { name, namespace } = source.service.metadata
  return {
    metadata: {
      name: '',
      // Five random characters follow; names end at 253.
      generateName: `${name.slice(0, 247)}-`,
      ...(namespace !== undefined && { namespace }),
      ownerReferences: [source.owner],
      ...metadataOf(source, undefined),
    },
    addressType: source.addressType,
    endpoints,
    ports,
  }
}

function metadataOf(
  { labels, annotations, triggerTime }: SliceSource,
  held: ObjectMeta | undefined,
) {
  const { [TRIGGER_TIME]: _, ...others } = held?.annotations ?? {}
  return {
    labels,
    annotations: {
      ...others,
      ...annotations,
      ...(triggerTime !== undefined && { [TRIGGER_TIME]: triggerTime }),
    },
  }
}

/** A slice that says when the first change happened that it is the first to show; nothing, where nothing dates it. */
export function withTriggerTime(slice: EndpointSlice, at: string | undefined): EndpointSlice {
  const { [TRIGGER_TIME]: _, ...others } = slice.metadata.annotations ?? {}
  const annotations = { ...others, ...(at !== undefined && { [TRIGGER_TIME]: at }) }
  return { ...slice, metadata: { ...slice.metadata, annotations } }
}

function hasMetadata({ labels, annotations }: SliceSource, held: ObjectMeta): boolean {
  return (
    equalJSON(labels, held.labels ?? {}) &&
    Object.entries(annotations).every(([key, value]) => held.annotations?.[key] === value)
  )
}
