import type { Service } from '#api/core.ts'
import type { EndpointSlice } from '#api/discovery.ts'
import { type CIDR, cidrContains } from '#ip/cidr.ts'
import { parseIP } from '#ip/ip.ts'

/** An endpoint that is a Service's virtual address. */
export interface VirtualEndpoint {
  readonly address: string
  /** Who has it: `the ClusterIP of Service default/web`. */
  readonly owner: string
}

/**
 * Endpoints that cannot work: proxies translate a connection once, on its first packet, so a virtual address that comes out of one
 * translation is never translated again. Sorted by address.
 *
 * @param slices Of one Service. Those that the EndpointSlice controller writes hold addresses of pods only.
 * @param ranges Where ClusterIPs come from: an address of them is virtual whether a Service has it or not (yet).
 * @see facts/services.md 6, "Why an endpoint must not be a ClusterIP"
 */
export function findVirtualEndpoints(
  slices: readonly EndpointSlice[],
  services: Iterable<Service>,
  ranges: readonly CIDR[],
): readonly VirtualEndpoint[] {
  const addresses = new Set(
    slices.flatMap(({ endpoints }) => (endpoints ?? []).flatMap(({ addresses }) => addresses)),
  )
  if (addresses.size === 0) return []
  const owners = new Map<string, string>()
  for (const service of services) {
    const name = `Service ${service.metadata.namespace}/${service.metadata.name}`
    for (const ip of virtualAddresses(service))
      if (addresses.has(ip.address)) owners.set(ip.address, `the ${ip.kind} of ${name}`)
  }
  return [...addresses].sort().flatMap((address) => {
    const ip = parseIP(address)
    const isInRange = ip !== undefined && ranges.some((range) => cidrContains(range, ip))
    const owner = owners.get(address) ?? (isInRange ? 'an address for ClusterIPs' : undefined)
    return owner === undefined ? [] : [{ address, owner }]
  })
}

function virtualAddresses({ spec, status }: Service) {
  const clusterIPs = spec.clusterIPs ?? (spec.clusterIP === undefined ? [] : [spec.clusterIP])
  const ingress = status?.loadBalancer?.ingress ?? []
  return [
    ...clusterIPs.map((address) => ({ kind: 'ClusterIP', address })),
    ...(spec.externalIPs ?? []).map((address) => ({ kind: 'external IP', address })),
    ...ingress.flatMap(({ ip, ipMode }) =>
      ip === undefined || ipMode === 'Proxy'
        ? []
        : [{ kind: 'load balancer address', address: ip }],
    ),
  ]
}

/** What people read of it, in an event of the Service. */
export function describeVirtualEndpoints(found: readonly VirtualEndpoint[]): string {
  const [first, ...others] = found
  const more = others.length === 0 ? '' : ` (and ${others.length} more)`
  return `Endpoint ${first?.address} is ${first?.owner}${more}: no connection reaches it, since a connection is translated once (name the addresses of pods, or use an ExternalName)`
}
