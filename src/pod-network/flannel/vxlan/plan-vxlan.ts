import { createHash } from 'node:crypto'
import type { CIDR } from '#ip/cidr.ts'
import type { IP } from '#ip/ip.ts'
import { compareIPs } from '#ip/ip.ts'
import { type MAC, macFromBytes } from '#ip/mac.ts'
import type { Address, FDBEntry, LinkSpec, Neighbour, Route } from '#kernel/netlink/model.ts'

/*
 * flannel's vxlan backend, entry for entry. A packet to a pod of another node takes three look-ups, all of them written here in
 * advance, so that nothing is ever asked of the wire:
 *
 *   route      10.244.2.0/24 via 10.244.2.0 dev flannel.1 onlink      which node: the first address of its subnet stands for it
 *   neighbour  10.244.2.0 lladdr <MAC of its flannel.1>               the inner frame's receiver
 *   FDB        <that MAC> dst 172.30.0.12                             the outer packet's receiver
 *
 * One of each a peer. The kernel learns nothing by itself (`nolearning`), entries are permanent.
 */

export interface VXLANSelf {
  /** This node's subnet of the pod network. */
  readonly podCIDR: CIDR
  /** This node's address, on `underlay`. */
  readonly nodeIP: IP
  readonly underlay: { readonly device: string; readonly mtuBytes: number }
  /** MAC of the own device. */
  readonly mac: MAC
  readonly vni: number
  readonly port: number
}

export interface VXLANPeer {
  readonly nodeName: string
  readonly podCIDR: CIDR
  readonly nodeIP: IP
  /** MAC of the peer's device. */
  readonly mac: MAC
}

/** The tunnel of one node: one device, and everything on it. */
export interface VXLANPlan {
  readonly link: Extract<LinkSpec, { kind: 'vxlan' }>
  readonly address: Address
  readonly neighbours: readonly Neighbour[]
  readonly fdb: readonly FDBEntry[]
  readonly routes: readonly Route[]
}

export const DEFAULT_VNI = 1
/** Linux's own default, and flannel's; IANA's is 4789. */
export const DEFAULT_PORT = 8472
/** Outer IPv4 (20) and UDP (8), VXLAN (8), inner Ethernet (14). */
const OVERHEAD_BYTES = 50
/** Who made a route: a number that nobody else uses (rt_protos of iproute2; RTPROT_* end at 192, 255 is none). */
export const ROUTE_PROTOCOL = 241

/** Pure; peers in any order. Of two peers with one subnet or one MAC the first by name counts. */
export function planVXLAN(self: VXLANSelf, peers: readonly VXLANPeer[]): VXLANPlan {
  const { podCIDR, nodeIP, underlay, mac, vni, port } = self
  const device = `flannel.${vni}`
  const served = distinct(peers)
  return {
    link: {
      kind: 'vxlan',
      name: device,
      mac,
      mtuBytes: tunnelMTU(underlay.mtuBytes),
      up: true,
      vni,
      port,
      local: nodeIP,
      device: underlay.device,
      learning: false,
    },
    // A /32: the device leads to no network but by the routes below.
    address: { device, address: { address: podCIDR.address, prefixLength: 32 } },
    neighbours: served.map((peer) => ({
      device,
      ip: peer.podCIDR.address,
      mac: peer.mac,
      state: 'permanent',
    })),
    fdb: served.map((peer) => ({
      device,
      mac: peer.mac,
      destination: peer.nodeIP,
      permanent: true,
    })),
    routes: served.map((peer) => ({
      family: 4,
      destination: peer.podCIDR,
      gateway: peer.podCIDR.address,
      device,
      onlink: true,
      protocol: ROUTE_PROTOCOL,
    })),
  }
}

export function tunnelMTU(underlayMTUBytes: number): number {
  return underlayMTUBytes - OVERHEAD_BYTES
}

/** Locally administered; the same for a node whenever its device is made anew, so that what its peers hold stays true. */
export function deviceMAC(nodeName: string, vni: number): MAC {
  const hash = createHash('sha256').update(`${nodeName}/flannel.${vni}`).digest()
  return macFromBytes(Uint8Array.of((hash[0]! & 0xfc) | 0x02, ...hash.subarray(1, 6)))
}

function distinct(peers: readonly VXLANPeer[]): readonly VXLANPeer[] {
  const sorted = peers.toSorted((a, b) => (a.nodeName < b.nodeName ? -1 : 1))
  const isFirst = (peer: VXLANPeer, index: number) =>
    !sorted
      .slice(0, index)
      .some((it) => it.podCIDR.address === peer.podCIDR.address || it.mac === peer.mac)
  return sorted.filter(isFirst).toSorted((a, b) => compareIPs(a.podCIDR.address, b.podCIDR.address))
}
