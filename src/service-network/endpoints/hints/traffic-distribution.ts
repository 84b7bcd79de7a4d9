import type { Endpoint } from '#api/discovery.ts'
import { isReadyEndpoint } from './slice-hints.ts'

export type TrafficDistribution = 'PreferClose' | 'PreferSameZone' | 'PreferSameNode'

const KNOWN: readonly string[] = ['PreferClose', 'PreferSameZone', 'PreferSameNode']

export function trafficDistributionOf(value: string | undefined): TrafficDistribution | undefined {
  return KNOWN.includes(value ?? '') ? (value as TrafficDistribution) : undefined
}

/**
 * The hints of an endpoint whose Service asks that traffic stays near: its own zone, and with PreferSameNode its own node. One that is
 * not ready keeps what it had: nobody reads it.
 *
 * @see KEP-4444, KEP-3015; kubernetes/endpointslice trafficdist/trafficdist.go
 */
export function hintsForDistribution(
  distribution: TrafficDistribution,
  endpoint: Endpoint,
): Endpoint['hints'] {
  const { zone, nodeName, hints } = endpoint
  if (!isReadyEndpoint(endpoint)) return hints
  const forNodes = distribution === 'PreferSameNode' && nodeName ? [{ name: nodeName }] : undefined
  const forZones = zone ? [{ name: zone }] : undefined
  if (!forNodes && !forZones) return undefined
  return { ...(forZones && { forZones }), ...(forNodes && { forNodes }) }
}
