import { createHash } from 'node:crypto'
import type { CIDR } from '#ip/cidr.ts'
import type { Family, IP } from '#ip/ip.ts'
import { type MAC, macFromBytes, parseMAC } from '#ip/mac.ts'
import type { Address, FDBEntry, LinkSpec, Neighbour, Route } from '#kernel/netlink/model.ts'
import {
  type Backend,
  DEVICE_ALIAS,
  type NodePlan,
  type OwnNode,
  type Refusal,
  ROUTE_PROTOCOL,
} from '../backend.ts'
import { FAMILIES, type Lease, mapFamilies, type PerFamily } from '../lease.ts'

/*
 * flannel's vxlan backend, entry for entry. A packet to a pod of another node takes three look-ups, all of them written here in
 * advance, so that nothing is ever asked of the wire:
 *
 *   route      10.244.2.0/24 via 10.244.2.0 dev flannel.1 onlink      which node: the first address of its subnet stands for it
 *   neighbour  10.244.2.0 lladdr <MAC of its flannel.1>               the inner frame's receiver
 *   FDB        <that MAC> dst 172.30.0.12                             the outer packet's receiver
 *
 * One of each a peer, and a device a family: flannel.1 carries IPv4 in IPv4, flannel-v6.1 IPv6 in IPv6. The kernel learns nothing
 * by itself (`nolearning`), entries are permanent.
 */

export interface VXLANOptions {
  readonly vni: number
  readonly port: number
  /** The underlay's, where it is not to be the device's. */
  readonly mtuBytes?: number
  /** Group based policy: the packet's mark travels along. */
  readonly gbp: boolean
  readonly learning: boolean
  /** Routes to nodes on the same link without a tunnel. */
  readonly directRouting: boolean
  /** First two octets of the own MAC. */
  readonly macPrefix?: string
}

export const VXLAN_DEFAULTS: VXLANOptions = {
  vni: 1,
  // Linux's own default, and flannel's; IANA's is 4789.
  port: 8472,
  gbp: false,
  learning: false,
  directRouting: false,
}

/** Outer IP (20 or 40) and UDP (8), VXLAN (8), inner Ethernet (14). */
const OVERHEAD_BYTES: Readonly<Record<Family, number>> = { 4: 50, 6: 70 }

/** What a node tells its peers, of one family. */
interface VXLANData {
  readonly VNI: number
  readonly VtepMAC: MAC
}

export function createVXLAN(options: VXLANOptions): Backend {
  return {
    type: 'vxlan',
    describe: (node, published) =>
      mapFamilies(node.networks, (_, family) =>
        node.underlay.addresses[family] === undefined
          ? undefined
          : {
              VNI: options.vni,
              VtepMAC:
                parseData(published[family], options.vni)?.VtepMAC ?? ownMAC(node, family, options),
            },
      ),
    plan: (node, own, peers) => planVXLAN(options, node, own, peers),
  }
}

/** Pure; peers in any order. Of two peers with one MAC the first counts. */
export function planVXLAN(
  options: VXLANOptions,
  node: OwnNode,
  own: PerFamily<unknown>,
  peers: readonly Lease[],
): NodePlan {
  const refused: Refusal[] = []
  const tunnels = FAMILIES.flatMap((family) => {
    const [subnet, local] = [node.subnets[family], node.underlay.addresses[family]]
    const data = parseData(own[family], options.vni)
    if (!subnet || local === undefined || !data) return []
    return [planTunnel(options, node, { family, subnet, local, mac: data.VtepMAC }, peers, refused)]
  })
  return {
    links: tunnels.map(({ link }) => link),
    addresses: tunnels.map(({ address }) => address),
    neighbours: tunnels.flatMap(({ neighbours }) => neighbours),
    fdb: tunnels.flatMap(({ fdb }) => fdb),
    routes: tunnels.flatMap(({ routes }) => routes),
    sysctls: tunnels.map(({ link }) => ({
      name: `net.ipv6.conf.${link.name.replaceAll('.', '/')}.accept_ra`,
      value: '0',
    })),
    mtuBytes: Math.min(...tunnels.map(({ link }) => link.mtuBytes!), underlayMTU(options, node)),
    refused,
  }
}

interface TunnelEnd {
  readonly family: Family
  readonly subnet: CIDR
  readonly local: IP
  readonly mac: MAC
}

interface Tunnel {
  readonly link: Extract<LinkSpec, { kind: 'vxlan' }>
  readonly address: Address
  readonly neighbours: readonly Neighbour[]
  readonly fdb: readonly FDBEntry[]
  readonly routes: readonly Route[]
}

function planTunnel(
  options: VXLANOptions,
  node: OwnNode,
  { family, subnet, local, mac }: TunnelEnd,
  peers: readonly Lease[],
  refused: Refusal[],
): Tunnel {
  const device = deviceName(family, options.vni)
  const neighbours: Neighbour[] = []
  const fdb: FDBEntry[] = []
  const routes: Route[] = []
  const macs = new Map<MAC, string>([[mac, 'this node']])
  for (const peer of peers) {
    const destination = peer.subnets[family]
    if (!destination) continue
    const refuse = (why: string) => refused.push({ node: peer.name, why })
    const publicIP = peer.publicIPs[family]
    if (publicIP === undefined) {
      refuse(`it tells no IPv${family} address`)
      continue
    }
    const route = { family, destination, protocol: ROUTE_PROTOCOL } as const
    const nextHop = options.directRouting ? node.routeTo(publicIP) : undefined
    if (nextHop && nextHop.gateway === undefined) {
      routes.push({ ...route, gateway: publicIP, device: nextHop.device })
      continue
    }
    const data = parseData(peer.data[family], options.vni)
    const twin = data && macs.get(data.VtepMAC)
    if (!data) refuse(whyNoData(peer.data[family], options.vni))
    else if (twin) refuse(`its VtepMAC ${data.VtepMAC} is also that of ${twin}`)
    if (!data || twin) continue
    macs.set(data.VtepMAC, peer.name)
    neighbours.push({ device, ip: destination.address, mac: data.VtepMAC, state: 'permanent' })
    fdb.push({ device, mac: data.VtepMAC, destination: publicIP, permanent: true })
    routes.push({ ...route, gateway: destination.address, device, onlink: true })
  }
  return {
    link: {
      kind: 'vxlan',
      name: device,
      alias: DEVICE_ALIAS,
      mac,
      mtuBytes: underlayMTU(options, node) - OVERHEAD_BYTES[family],
      up: true,
      vni: options.vni,
      port: options.port,
      local,
      device: node.underlay.device,
      learning: options.learning,
      ...(options.gbp && { gbp: true }),
    },
    // A /32 or /128: the device leads to no network but by the routes below.
    address: {
      device,
      address: { address: subnet.address, prefixLength: family === 4 ? 32 : 128 },
    },
    neighbours,
    fdb,
    routes,
  }
}

function deviceName(family: Family, vni: number): string {
  return family === 4 ? `flannel.${vni}` : `flannel-v6.${vni}`
}

function underlayMTU({ mtuBytes }: VXLANOptions, { underlay }: OwnNode): number {
  return mtuBytes ?? underlay.mtuBytes
}

/** Locally administered; the same for a node whenever its device is made anew, so that what its peers hold stays true. */
function ownMAC({ name }: OwnNode, family: Family, { vni, macPrefix }: VXLANOptions): MAC {
  const hash = createHash('sha256')
    .update(`${name}/${deviceName(family, vni)}`)
    .digest()
  const first = macPrefix
    ? Uint8Array.fromHex(macPrefix.replace('-', ''))
    : Uint8Array.of((hash[0]! & 0xfc) | 0x02, hash[1]!)
  return macFromBytes(Uint8Array.of(...first, ...hash.subarray(2, 6)))
}

function parseData(data: unknown, vni: number): VXLANData | undefined {
  const { VNI, VtepMAC } = (data ?? {}) as { readonly VNI?: unknown; readonly VtepMAC?: unknown }
  const mac = typeof VtepMAC === 'string' ? parseMAC(VtepMAC) : undefined
  // Of a group's MAC (odd first octet) no frame is sent to one node.
  const isOfOne = mac !== undefined && Number.parseInt(mac.slice(0, 2), 16) % 2 === 0
  return mac && isOfOne && VNI === vni ? { VNI: vni, VtepMAC: mac } : undefined
}

function whyNoData(data: unknown, vni: number): string {
  const VNI = (data as { readonly VNI?: unknown } | null | undefined)?.VNI
  return typeof VNI === 'number' && VNI !== vni
    ? `its VNI is ${VNI}, not ${vni}`
    : 'its backend-data is not {"VNI":…,"VtepMAC":…}'
}
