import type { CIDR } from '#ip/cidr.ts'
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
import { FAMILIES, type Lease, mapFamilies } from '../lease.ts'
import { readKeys } from './keys.ts'

export interface WireguardOptions {
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
 * flannel's wireguard backend in its mode `separate`: a device a family, a peer a node, whose allowed addresses are its subnet and,
 * other than flannel's, its own: what it answers pods with comes from there. One route takes the whole pod network into the device.
 */
export function createWireguard(options: WireguardOptions): Backend {
  return {
    type: 'wireguard',
    describe(node) {
      const { publicKey } = readKeys(options.keyFile)
      return mapFamilies(node.networks, (_, family) =>
        node.underlay.addresses[family] === undefined
          ? undefined
          : { PublicKey: publicKey, Port: options.ports[family] },
      )
    },
    plan: (node, _, peers) => planWireguard(options, node, peers),
    openCarrier: (host) => {
      const carrier = import('./carrier.ts').then(({ createCarrier }) =>
        createCarrier(host, options.keyFile),
      )
      return {
        commit: async ({ secure = [] }) => (await carrier).commit(secure),
        [Symbol.asyncDispose]: async () => (await carrier)[Symbol.dispose](),
      }
    },
  }
}

/** Pure; peers in any order. Of two peers with one key the first counts. */
export function planWireguard(
  options: WireguardOptions,
  node: OwnNode,
  peers: readonly Lease[],
): NodePlan {
  const mtuBytes = (options.mtuBytes ?? node.underlay.mtuBytes) - OVERHEAD_BYTES
  const refused: Refusal[] = []
  const ends = FAMILIES.flatMap((family) => {
    const [subnet, network] = [node.subnets[family], node.networks[family]]
    return subnet && network && node.underlay.addresses[family] ? [{ family, subnet, network }] : []
  })
  return {
    ...NO_PLAN,
    links: ends.map(({ family }) => ({
      kind: 'wireguard',
      name: deviceName(family),
      alias: DEVICE_ALIAS,
      mtuBytes,
      up: true,
    })),
    addresses: ends.map(({ family, subnet }) => ({
      device: deviceName(family),
      address: { address: subnet.address, prefixLength: family === 4 ? 32 : 128 },
    })),
    routes: ends.map(({ family, network }) => ({
      family,
      destination: network,
      device: deviceName(family),
      scope: family === 4 ? 'link' : 'universe',
      protocol: ROUTE_PROTOCOL,
    })),
    secure: ends.map(({ family }) => planPeers(options, family, peers, refused)),
    mtuBytes,
    refused,
  }
}

function planPeers(
  { ports, keepaliveSeconds, presharedKey }: WireguardOptions,
  family: Family,
  peers: readonly Lease[],
  refused: Refusal[],
): SecurePlan {
  const seen = new Map<string, string>()
  const planned: { publicKey: string; endpoint: { address: IP; port: number }; allowed: CIDR[] }[] =
    []
  for (const { name, subnets, publicIPs, data } of peers) {
    const [subnet, address] = [subnets[family], publicIPs[family]]
    if (!subnet) continue
    const told = parseData(data[family], ports[family])
    const twin = told && seen.get(told.publicKey)
    if (address === undefined) refused.push({ node: name, why: `it tells no IPv${family} address` })
    else if (!told)
      refused.push({ node: name, why: 'its backend-data is not {"PublicKey":…,"Port":…}' })
    else if (twin) refused.push({ node: name, why: `its PublicKey is also that of ${twin}` })
    else {
      seen.set(told.publicKey, name)
      const node = { address, prefixLength: family === 4 ? 32 : 128 }
      const endpoint = { address, port: told.port }
      planned.push({ publicKey: told.publicKey, endpoint, allowed: [subnet, node] })
    }
  }
  return {
    device: deviceName(family),
    listenPort: ports[family],
    keepaliveSeconds,
    ...(presharedKey !== undefined && { presharedKey }),
    peers: planned,
  }
}

function deviceName(family: Family): string {
  return family === 4 ? 'flannel-wg' : 'flannel-wg-v6'
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
