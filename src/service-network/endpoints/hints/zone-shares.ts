import type { Node } from '#api/core.ts'
import { parseQuantity } from '#api/quantity.ts'

/** No endpoint may get more than this above its fair share of the traffic. */
const OVERLOAD_THRESHOLD = 0.2
const EXCLUDED = ['node-role.kubernetes.io/control-plane', 'node-role.kubernetes.io/master']
const NANOS_PER_MILLI = 1_000_000n

/** Each zone's part of the cluster's CPUs, which add up to 1. */
export type ZoneShares = ReadonlyMap<string, number>

/** How many endpoints of a Service a zone shall have. */
export interface Allocation {
  readonly minimum: number
  readonly maximum: number
  readonly desired: number
}

export const ZONE_LABEL = 'topology.kubernetes.io/zone'

/**
 * The shares of the ready nodes' zones; `undefined` where there are fewer than two zones, or one node says neither its zone nor its CPUs.
 *
 * @see KEP-2433; kubernetes/endpointslice topologycache/topologycache.go, SetNodes
 */
export function zoneShares(nodes: Iterable<Node>): ZoneShares | undefined {
  const cpus = new Map<string, number>()
  for (const { metadata, status } of nodes) {
    const labels = metadata.labels ?? {}
    if (EXCLUDED.some((label) => label in labels)) continue
    const ready = status?.conditions?.find(({ type }) => type === 'Ready')
    if (ready?.status !== 'True') continue
    const zone = labels[ZONE_LABEL]
    const cpu = milliCPUs(status?.allocatable?.cpu)
    if (!zone || cpu === 0) return undefined
    cpus.set(zone, (cpus.get(zone) ?? 0) + cpu)
  }
  if (cpus.size < 2) return undefined
  const total = [...cpus.values()].reduce((sum, cpu) => sum + cpu, 0)
  return new Map([...cpus].map(([zone, cpu]) => [zone, cpu / total]))
}

function milliCPUs(quantity: string | number | undefined): number {
  const parsed = parseQuantity(String(quantity ?? '0'))
  return 'error' in parsed ? 0 : Number(parsed.nanos / NANOS_PER_MILLI)
}

/**
 * How `endpoints` spread over zones, or why they cannot.
 *
 * @see kubernetes/endpointslice topologycache/topologycache.go, getAllocations
 */
export function allocate(
  shares: ZoneShares | undefined,
  endpoints: number,
): ReadonlyMap<string, Allocation> | { readonly fault: string } {
  if (!shares) {
    const why = 'allocatable CPU or zone not specified on one or more nodes'
    return { fault: `Insufficient Node information: ${why}` }
  }
  const counts = `(${endpoints} endpoints, ${shares.size} zones)`
  if (shares.size > endpoints) return { fault: `Insufficient number of endpoints ${counts}` }
  const least = new Map(
    [...shares].map(([zone, share]) => [
      zone,
      Math.ceil(share * endpoints * (1 / (1 + OVERLOAD_THRESHOLD))),
    ]),
  )
  const spare = endpoints - [...least.values()].reduce((sum, count) => sum + count, 0)
  if (spare < 0) {
    const what = 'Unable to allocate minimum required endpoints to each zone'
    return { fault: `${what} without exceeding overload threshold ${counts}` }
  }
  return new Map(
    [...least].map(([zone, minimum]) => {
      const desired = Math.max(shares.get(zone)! * endpoints, minimum)
      return [zone, { minimum, maximum: minimum + spare, desired }]
    }),
  )
}
