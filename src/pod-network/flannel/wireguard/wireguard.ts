import { type CIDR, cidr, cidrContains } from '#ip/cidr.ts'
import type { Family, IP } from '#ip/ip.ts'
import {
  type Backend,
  DEVICE_ALIAS,
  NO_PLAN,
  type NodePlan,
  type OwnNode,
  type Refusal,
  ROUTE_PROTOCOL,
  type SecurePlan,
} from '../backend.ts'
import { FAMILIES, type Lease, mapFamilies, type PerFamily } from '../lease.ts'
import { readKeys } from './keys.ts'

/** `separate`: a device a family. Else one for both, and by which family others are reached; `auto`: by what is likeliest to arrive. */
export const WIREGUARD_MODES = ['separate', 'auto', 'ipv4', 'ipv6'] as const

export interface WireguardOptions {
  /** separate by default. */
  readonly mode?: (typeof WIREGUARD_MODES)[number]
  readonly ports: Readonly<Record<Family, number>>
  readonly keepaliveSeconds: number
  readonly mtuBytes?: number
  /** Base64 of 32 bytes, the same on all nodes. */
  readonly presharedKey?: string
  readonly keyFile: string
}

export const WIREGUARD_DEFAULTS = { ports: { 4: 51820, 6: 51821 }, keepaliveSeconds: 0 } as const
/** Where flanneld keeps its private key (pkg/backend/wireguard/device.go); WIREGUARD_KEY_FILE names another. */
export const WIREGUARD_KEY_FILE = '/run/flannel/wgkey'

/** Outer IPv6 (40), UDP (8), and WireGuard's own 32: as flannel counts for both families. */
const OVERHEAD_BYTES = 80
const KEY = /^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$/

/**
 * flannel's wireguard backend: a peer a node, whose allowed addresses are its subnets and, other than flannel's, its own: what it
 * answers pods with comes from there. One route a family takes the whole pod network into the device.
 */
export function createWireguard(options: WireguardOptions): Backend {
  return {
    type: 'wireguard',
    describe(node) {
      const { publicKey } = readKeys(options.keyFile)
      return mapFamilies(node.networks, (_, family) =>
        node.underlay.addresses[family] === undefined
          ? undefined
          : { PublicKey: publicKey, Port: portOf(options, family) },
      )
    },
    plan: (node, _, peers) => planWireguard(options, node, peers),
    openCarrier: (host) => {
      const carrier = import('./carrier.ts').then(({ createCarrier }) =>
        createCarrier(host, options.keyFile),
      )
      return {
        commit: async ({ secure = [] }) => (await carrier).commit(secure),
        isRight: async () => (await carrier).isRight(),
        [Symbol.asyncDispose]: async () => (await carrier)[Symbol.dispose](),
      }
    },
  }
}

/** A device, and the families that it carries. */
interface Tunnel {
  readonly device: string
  readonly listenPort: number
  readonly ends: readonly {
    readonly family: Family
    readonly subnet: CIDR
    readonly network: CIDR
  }[]
}

/** Pure; peers in any order. Of two peers with one key the first counts. */
export function planWireguard(
  options: WireguardOptions,
  node: OwnNode,
  peers: readonly Lease[],
): NodePlan {
  const mtuBytes = (options.mtuBytes ?? node.underlay.mtuBytes) - OVERHEAD_BYTES
  const refused: Refusal[] = []
  const tunnels = planTunnels(options, node)
  const ends = tunnels.flatMap(({ device, ends: own }) => own.map((end) => ({ device, ...end })))
  return {
    ...NO_PLAN,
    links: tunnels.map(({ device: name }) => ({
      kind: 'wireguard',
      name,
      alias: DEVICE_ALIAS,
      mtuBytes,
      up: true,
    })),
    addresses: ends.map(({ device, family, subnet }) => ({
      device,
      address: { address: subnet.address, prefixLength: family === 4 ? 32 : 128 },
    })),
    routes: ends.map(({ device, family, network }) => ({
      family,
      destination: network,
      device,
      scope: family === 4 ? 'link' : 'universe',
      protocol: ROUTE_PROTOCOL,
    })),
    secure: tunnels.map((tunnel) => planPeers(options, node, tunnel, peers, refused)),
    mtuBytes,
    refused,
  }
}

function planTunnels(options: WireguardOptions, node: OwnNode): readonly Tunnel[] {
  const ends = FAMILIES.flatMap((family) => {
    const [subnet, network] = [node.subnets[family], node.networks[family]]
    return subnet && network && node.underlay.addresses[family] ? [{ family, subnet, network }] : []
  })
  if (isSeparate(options)) {
    return ends.map((end) => ({
      device: end.family === 4 ? DEVICE : DEVICE_IPV6,
      listenPort: portOf(options, end.family),
      ends: [end],
    }))
  }
  return ends.length === 0 ? [] : [{ device: DEVICE, listenPort: portOf(options, 4), ends }]
}

function planPeers(
  options: WireguardOptions,
  node: OwnNode,
  { device, listenPort, ends }: Tunnel,
  peers: readonly Lease[],
  refused: Refusal[],
): SecurePlan {
  const { keepaliveSeconds, presharedKey } = options
  const seen = new Map<string, string>()
  const planned: { publicKey: string; endpoint: { address: IP; port: number }; allowed: CIDR[] }[] =
    []
  for (const { name, subnets, publicIPs, data } of peers) {
    const carried = ends.map(({ family }) => family).filter((family) => subnets[family])
    if (carried.length === 0) continue
    const by = isSeparate(options) ? carried[0]! : chooseFamily(options, node, publicIPs)
    const address = publicIPs[by]
    const told = parseData(data[by] ?? data[carried[0]!], listenPort)
    const twin = told && seen.get(told.publicKey)
    if (address === undefined) refused.push({ node: name, why: `it tells no IPv${by} address` })
    else if (!told)
      refused.push({ node: name, why: 'its backend-data is not {"PublicKey":…,"Port":…}' })
    else if (twin) refused.push({ node: name, why: `its PublicKey is also that of ${twin}` })
    else {
      seen.set(told.publicKey, name)
      const allowed = carried.flatMap((family) => {
        const own = publicIPs[family]
        const host = own && [{ address: own, prefixLength: family === 4 ? 32 : 128 }]
        return [subnets[family]!, ...(host ?? [])]
      })
      planned.push({
        publicKey: told.publicKey,
        endpoint: { address, port: told.port },
        allowed,
      })
    }
  }
  return {
    device,
    listenPort,
    keepaliveSeconds,
    ...(presharedKey !== undefined && { presharedKey }),
    peers: planned,
  }
}

const DEVICE = 'flannel-wg'
const DEVICE_IPV6 = 'flannel-wg-v6'

function isSeparate({ mode = 'separate' }: WireguardOptions): boolean {
  return mode === 'separate'
}

/** Where this node listens for others' packets over that family: one device has one port. */
function portOf(options: WireguardOptions, family: Family): number {
  return options.ports[isSeparate(options) ? family : 4]
}

/** RFC 1918, and RFC 4193. */
const PRIVATE = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', 'fc00::/7'].map(cidr)

/** The family by which a node is reached through one device for both (selectMode() of flannel). */
function chooseFamily(
  { mode }: WireguardOptions,
  { underlay: { addresses: own } }: OwnNode,
  { 4: v4, 6: v6 }: PerFamily<IP>,
): Family {
  if (mode === 'ipv4') return 4
  if (mode === 'ipv6') return 6
  const isPublic = (ip: IP | undefined) =>
    ip !== undefined && !PRIVATE.some((network) => cidrContains(network, ip))
  if (v6 === undefined || own[6] === undefined) return 4
  if (v4 === undefined || own[4] === undefined) return 6
  if (isPublic(v4)) return 4
  return isPublic(v6) && isPublic(own[6]) ? 6 : 4
}

/** Older flanneld tells no port: then it is this node's own. */
function parseData(
  data: unknown,
  ownPort: number,
): { publicKey: string; port: number } | undefined {
  const { PublicKey, Port = 0 } = (data ?? {}) as {
    readonly PublicKey?: unknown
    readonly Port?: unknown
  }
  if (typeof PublicKey !== 'string' || !KEY.test(PublicKey)) return undefined
  if (!Number.isInteger(Port) || (Port as number) < 0 || (Port as number) > 65_535) return undefined
  return { publicKey: PublicKey, port: (Port as number) || ownPort }
}
