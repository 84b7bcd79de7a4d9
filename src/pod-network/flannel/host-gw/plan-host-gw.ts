import type { Family, IP } from '#ip/ip.ts'
import type { Route } from '#kernel/netlink/model.ts'
import {
  type Backend,
  NO_PLAN,
  type NodePlan,
  type OwnNode,
  type Refusal,
  ROUTE_PROTOCOL,
} from '../backend.ts'
import { FAMILIES, type Lease, mapFamilies } from '../lease.ts'

/** flannel's host-gw backend: no tunnel, a route by the other node for each subnet. All nodes are on one link. */
export const hostGateway: Backend = {
  type: 'host-gw',
  describe(node) {
    for (const family of FAMILIES) {
      const [told, held] = [node.publicIPs[family], node.underlay.addresses[family]]
      if (told !== undefined && held !== undefined && told !== held) {
        // flannel's words (pkg/backend/hostgw/hostgw.go)
        throw new Error(
          "your PublicIP differs from interface IP, meaning that probably you're on a NAT, which is not supported by host-gw backend",
        )
      }
    }
    return mapFamilies(node.networks, (_, family) =>
      node.underlay.addresses[family] === undefined ? undefined : null,
    )
  },
  plan: (node, _, peers) => planHostGateway(node, peers),
}

/** Pure; peers in any order. A node behind a router is refused: the router would not know what to do with a pod's address. */
export function planHostGateway(node: OwnNode, peers: readonly Lease[]): NodePlan {
  const routes: Route[] = []
  const refused: Refusal[] = []
  for (const peer of peers) {
    for (const family of FAMILIES) {
      const destination = peer.subnets[family]
      if (!destination || !node.subnets[family]) continue
      const way = findWay(node, family, peer.publicIPs[family])
      if ('why' in way) refused.push({ node: peer.name, why: way.why })
      else routes.push({ family, destination, ...way, protocol: ROUTE_PROTOCOL })
    }
  }
  return { ...NO_PLAN, routes, refused, mtuBytes: node.underlay.mtuBytes }
}

function findWay(
  node: OwnNode,
  family: Family,
  gateway: IP | undefined,
): { readonly gateway: IP; readonly device: string } | { readonly why: string } {
  if (gateway === undefined) return { why: `it tells no IPv${family} address` }
  const nextHop = node.routeTo(gateway)
  if (!nextHop) return { why: `no route leads to its address ${gateway}` }
  if (nextHop.gateway === undefined) return { gateway, device: nextHop.device }
  return {
    why: `its address ${gateway} is behind router ${nextHop.gateway}, and host-gw needs all nodes on one link (vxlan with DirectRouting tunnels to such nodes only)`,
  }
}
