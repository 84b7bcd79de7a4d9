import type { Endpoint, EndpointSlice } from '#api/discovery.ts'
import type { SlicePlan } from '../plan-slices.ts'
import { isReadyEndpoint, type PlannedSlices, setHints, withHints } from './slice-hints.ts'
import { type Allocation, allocate, type ZoneShares } from './zone-shares.ts'

type Allocations = ReadonlyMap<string, Allocation>
type Counts = Map<string, number>

export interface ZoneHintsPlan extends Pick<SlicePlan, 'create' | 'update'> {
  /** Why there are no hints. */
  readonly fault?: string
}

/**
 * Hints for `service.kubernetes.io/topology-mode: Auto`: each zone gets endpoints in proportion to its CPUs, its own first. Where that
 * cannot be, no endpoint has a hint.
 *
 * @see KEP-2433; kubernetes/endpointslice topologycache/topologycache.go, AddHints
 */
export function planZoneHints(
  slices: PlannedSlices,
  shares: ZoneShares | undefined,
): ZoneHintsPlan {
  const without = (fault: string) => ({ ...withHints(slices, () => undefined), fault })
  const { create, update, unchanged } = slices
  const ready = endpointsOf([...create, ...update, ...unchanged]).filter(isReadyEndpoint)
  const allocations = allocate(shares, ready.length)
  if ('fault' in allocations) return without(allocations.fault as string)

  const allocated: Counts = new Map()
  const rewritten = unchanged.filter((slice) => !claimHints(slice, allocations, allocated))
  const writable = [...create, ...update, ...rewritten]
  const open = endpointsOf(writable).filter(isReadyEndpoint)
  if (open.some(({ zone }) => !zone)) {
    return without('One or more endpoints do not have a zone specified')
  }
  for (const { zone = '' } of open) add(allocated, zone, 1)
  const moves = planMoves(allocations, allocated)
  const zoneOf = new Map(open.map((endpoint) => [endpoint, moves.next(endpoint.zone!)]))
  const set = (slice: EndpointSlice): EndpointSlice => ({
    ...slice,
    endpoints: (slice.endpoints ?? []).map((endpoint) => {
      const zone = zoneOf.get(endpoint)
      return setHints(endpoint, zone === undefined ? undefined : { forZones: [{ name: zone }] })
    }),
  })
  return { create: create.map(set), update: [...update, ...rewritten].map(set) }
}

function endpointsOf(slices: readonly EndpointSlice[]): readonly Endpoint[] {
  return slices.flatMap(({ endpoints }) => endpoints ?? [])
}

function add(counts: Counts, zone: string, by: number): void {
  counts.set(zone, (counts.get(zone) ?? 0) + by)
}

/** Counts the hints of a slice that need not be written; `false`, and counts nothing, where its hints cannot stay. */
function claimHints(
  { endpoints = [] }: EndpointSlice,
  allocations: Allocations,
  allocated: Counts,
): boolean {
  const hints: Counts = new Map()
  for (const endpoint of endpoints ?? []) {
    if (!isReadyEndpoint(endpoint)) continue
    const zones = endpoint.hints?.forZones ?? []
    if (zones.length === 0 || zones.some(({ name }) => !allocations.has(name))) return false
    for (const { name } of zones) add(hints, name, 1)
  }
  const fits = [...hints].every(
    ([zone, count]) => count + (allocated.get(zone) ?? 0) <= allocations.get(zone)!.maximum,
  )
  if (fits) for (const [zone, count] of hints) add(allocated, zone, count)
  return fits
}

/** Which zone an endpoint of a zone is hinted to: its own, or, while its zone has too many, one that has too few. */
function planMoves(allocations: Allocations, allocated: Counts) {
  const surplus: Counts = new Map()
  const lack: Counts = new Map()
  for (const [zone, { desired }] of allocations) {
    const difference = (allocated.get(zone) ?? 0) - desired
    if (difference > 0) surplus.set(zone, difference)
    else if (difference < 0) lack.set(zone, -difference)
  }
  const give: Counts = new Map()
  const receive: Counts = new Map()
  for (;;) {
    const [from, toGive] = most(surplus)
    const [to, toReceive] = most(lack)
    if ((toGive < 1 && toReceive < 1) || toGive < 0.5 || toReceive < 0.5) break
    add(give, from, 1)
    add(surplus, from, -1)
    add(receive, to, 1)
    add(lack, to, -1)
  }
  return {
    next(zone: string): string {
      const receiver = [...receive].find(([, count]) => count > 0)?.[0]
      if (receiver === undefined || (give.get(zone) ?? 0) <= 0) return zone
      add(give, zone, -1)
      add(receive, receiver, -1)
      return receiver
    },
  }
}

function most(counts: Counts): readonly [zone: string, count: number] {
  return [...counts].reduce<readonly [string, number]>(
    (best, entry) => (entry[1] > best[1] ? entry : best),
    ['', 0],
  )
}
