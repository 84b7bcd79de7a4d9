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

export interface UDPOptions {
  readonly port: number
}

export const UDP_DEFAULTS: UDPOptions = { port: 8285 }

const DEVICE = 'flannel0'
/** Outer IPv4 (20) and UDP (8). */
const OVERHEAD_BYTES = 28

/**
 * flannel's udp backend: whole IPv4 packets in datagrams, relayed by a thread of this program between a TUN device and a socket. For
 * kernels without vxlan, and for seeing how a tunnel works. Its lease names no backend, as upstream's.
 */
export function createUDP(options: UDPOptions): Backend {
  return {
    type: '',
    describe: (node) => (node.underlay.addresses[4] === undefined ? {} : { 4: null }),
    plan: (node, _, peers) => planUDP(options, node, peers),
    openCarrier: (host) => {
      const relay = import('./relay.ts').then(({ createRelay }) => createRelay(host))
      return {
        commit: async ({ relay: plan }) => void (plan && (await relay).commit(plan)),
        isRight: async () => (await relay).isRunning(),
        [Symbol.asyncDispose]: async () => await (await relay)[Symbol.asyncDispose](),
      }
    },
  }
}

/** Pure; peers in any order. One route takes all that is for other nodes' pods into the device; the relay knows which node. */
export function planUDP({ port }: UDPOptions, node: OwnNode, peers: readonly Lease[]): NodePlan {
  const mtuBytes = node.underlay.mtuBytes - OVERHEAD_BYTES
  const [subnet, network, local] = [node.subnets[4], node.networks[4], node.underlay.addresses[4]]
  if (!subnet || !network || local === undefined) return { ...NO_PLAN, mtuBytes }
  const refused: Refusal[] = []
  const routes = peers.flatMap(({ name, subnets, publicIPs }) => {
    const [destination, gateway] = [subnets[4], publicIPs[4]]
    if (destination && gateway !== undefined) return [{ subnet: destination, node: gateway }]
    if (destination) refused.push({ node: name, why: 'it tells no IPv4 address' })
    return []
  })
  return {
    ...NO_PLAN,
    links: [{ kind: 'tun', name: DEVICE, alias: DEVICE_ALIAS, mtuBytes, up: true }],
    addresses: [{ device: DEVICE, address: { address: subnet.address, prefixLength: 32 } }],
    routes: [
      {
        family: 4,
        destination: network,
        device: DEVICE,
        scope: 'universe',
        protocol: ROUTE_PROTOCOL,
      },
    ],
    relay: { device: DEVICE, local, port, from: subnet.address, routes },
    mtuBytes,
    refused,
  }
}
