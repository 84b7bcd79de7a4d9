import type { Route } from '#kernel/netlink/model.ts'
import {
  type Backend,
  DEVICE_ALIAS,
  NO_PLAN,
  type NodePlan,
  type OwnNode,
  type Refusal,
  ROUTE_PROTOCOL,
} from '../backend.ts'
import type { Lease } from '../lease.ts'

export interface IPIPOptions {
  /** Routes to nodes on the same link without a tunnel. */
  readonly directRouting: boolean
}

const DEVICE = 'flannel.ipip'
/** The outer IPv4 header. */
const OVERHEAD_BYTES = 20

/** flannel's ipip backend: IPv4 in IPv4. One device without a far end; the route's gateway is the outer receiver. */
export function createIPIP(options: IPIPOptions): Backend {
  return {
    type: 'ipip',
    describe: (node) => (node.underlay.addresses[4] === undefined ? {} : { 4: null }),
    plan: (node, _, peers) => planIPIP(options, node, peers),
  }
}

/** Pure; peers in any order. */
export function planIPIP(
  { directRouting }: IPIPOptions,
  node: OwnNode,
  peers: readonly Lease[],
): NodePlan {
  const mtuBytes = node.underlay.mtuBytes - OVERHEAD_BYTES
  const [subnet, local] = [node.subnets[4], node.underlay.addresses[4]]
  if (!subnet || local === undefined) return { ...NO_PLAN, mtuBytes }
  const refused: Refusal[] = []
  const routes = peers.flatMap(({ name, subnets, publicIPs }): readonly Route[] => {
    const [destination, gateway] = [subnets[4], publicIPs[4]]
    if (!destination) return []
    if (gateway === undefined) {
      refused.push({ node: name, why: 'it tells no IPv4 address' })
      return []
    }
    const route = { family: 4, destination, gateway, protocol: ROUTE_PROTOCOL } as const
    const hop = directRouting ? node.routeTo(gateway) : undefined
    const isDirect = hop !== undefined && hop.gateway === undefined
    return [
      isDirect ? { ...route, device: hop.device } : { ...route, device: DEVICE, onlink: true },
    ]
  })
  return {
    ...NO_PLAN,
    links: [{ kind: 'ipip', name: DEVICE, alias: DEVICE_ALIAS, mtuBytes, up: true, local }],
    addresses: [{ device: DEVICE, address: { address: subnet.address, prefixLength: 32 } }],
    routes,
    mtuBytes,
    refused,
  }
}
