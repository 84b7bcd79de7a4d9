import { formatCIDR } from '#ip/cidr.ts'
import type { Address, FDBEntry, Neighbour, Route, RoutingRule } from './model.ts'

/* What errors call these things: iproute2's words. */

export function describeAddress({ address, device }: Address): string {
  return `address ${formatCIDR(address)} dev ${device}`
}

export function describeRoute(route: Route): string {
  const { destination, gateway, device, type = 'unicast', table } = route
  return [
    'route',
    type === 'unicast' ? '' : type,
    destination ? formatCIDR(destination) : 'default',
    gateway ? `via ${gateway}` : '',
    device ? `dev ${device}` : '',
    table === undefined ? '' : `table ${table}`,
  ]
    .filter(Boolean)
    .join(' ')
}

export function describeRule({ source, table }: RoutingRule): string {
  return `rule from ${source ? formatCIDR(source) : 'all'} lookup ${table}`
}

export function describeNeighbour({ ip, mac, device, proxy }: Neighbour): string {
  if (proxy) return `proxy neighbour ${ip} dev ${device}`
  return `neighbour ${ip}${mac ? ` lladdr ${mac}` : ''} dev ${device}`
}

export function describeFDBEntry({ mac, destination, device }: FDBEntry): string {
  return `FDB entry ${mac}${destination ? ` dst ${destination}` : ''} dev ${device}`
}
