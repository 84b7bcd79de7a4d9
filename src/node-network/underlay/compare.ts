import { formatCIDR } from '#ip/cidr.ts'
import type { Address, Route } from '#kernel/netlink/model.ts'

export function isSameAddress(observed: Address, desired: Address): boolean {
  return (
    observed.device === desired.device &&
    formatCIDR(observed.address) === formatCIDR(desired.address)
  )
}

/** By what sends a packet somewhere; who made the route and its scope do not. The kernel says `lo` of routes that lead nowhere. */
export function isSameRoute(observed: Route, desired: Route): boolean {
  const type = desired.type ?? 'unicast'
  return (
    observed.family === desired.family &&
    (observed.type ?? 'unicast') === type &&
    destinationOf(observed) === destinationOf(desired) &&
    observed.gateway === desired.gateway &&
    (type !== 'unicast' || observed.device === desired.device)
  )
}

function destinationOf({ destination }: Route): string {
  return destination ? formatCIDR(destination) : 'default'
}
