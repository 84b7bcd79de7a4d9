import { cidrContains } from '#ip/cidr.ts'
import { familyOf, type IP } from '#ip/ip.ts'
import type { Route } from '#kernel/netlink/model.ts'
import { type NextHop, ROUTE_PROTOCOL } from './backend.ts'

/**
 * The way to a node by the main table: the longest prefix wins, as in the kernel; of equal ones the first listed. Our own routes
 * lead to pods and never to nodes, so they are passed over: else the answer would depend on what was planned before.
 */
export function findNextHop(routes: readonly Route[], destination: IP): NextHop | undefined {
  const family = familyOf(destination)
  let best: Route | undefined
  let length = -1
  for (const route of routes) {
    const { destination: network, type = 'unicast', protocol } = route
    const prefixLength = network?.prefixLength ?? 0
    if (route.family !== family || type !== 'unicast' || protocol === ROUTE_PROTOCOL) continue
    if (prefixLength <= length || (network && !cidrContains(network, destination))) continue
    best = route
    length = prefixLength
  }
  if (best?.device === undefined) return undefined
  return { device: best.device, ...(best.gateway !== undefined && { gateway: best.gateway }) }
}
