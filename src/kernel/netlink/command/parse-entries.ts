import { parseInterfaceAddress } from '#ip/cidr.ts'
import { parseIP } from '#ip/ip.ts'
import { parseMAC } from '#ip/mac.ts'
import { RT_SCOPE, RT_TABLE_MAIN, RTN, RTPROT_BOOT } from '#wire/netlink/route.ts'
import type { Address, BridgeVLAN, FDBEntry, Neighbour, Route, RoutingRule } from '../model.ts'

/* JSON of iproute2 6.1. What is no address of ours (a bridge's groups, routes by policy) is passed over. */

interface IpAddress {
  readonly ifname: string
  readonly addr_info: readonly {
    readonly local?: string
    readonly prefixlen: number
    readonly scope: string
    readonly tentative?: boolean
    readonly dadfailed?: boolean
  }[]
}

/** `ip -j -N addr show`: with -N scopes are numbers. */
export function parseAddresses(json: string): Address[] {
  return (JSON.parse(json || '[]') as readonly IpAddress[]).flatMap(({ ifname, addr_info }) =>
    addr_info.flatMap(({ local, prefixlen, scope, tentative, dadfailed }) => {
      const address = parseInterfaceAddress(`${local}/${prefixlen}`)
      const state = {
        ...(tentative && { tentative: true as const }),
        ...(dadfailed && { duplicate: true as const }),
      }
      return address
        ? [{ device: ifname, address, scope: SCOPES[scope] ?? Number(scope), ...state }]
        : []
    }),
  )
}

const SCOPES: Readonly<Record<string, number>> = { global: 0, link: 253, host: 254 }

interface IpRoute {
  readonly type?: string
  readonly dst: string
  readonly gateway?: string
  readonly dev?: string
  readonly prefsrc?: string
  readonly scope?: string
  readonly protocol?: string
  readonly table?: string
  readonly flags: readonly string[]
  readonly metric?: number
  readonly metrics?: readonly { readonly mtu?: number; readonly advmss?: number }[]
}

/** `ip -j -N -4 route show table all`: with -N types, scopes, protocols and tables are numbers; what is usual is left out. */
export function parseRoutes(json: string, family: 4 | 6): Route[] {
  return (JSON.parse(json || '[]') as readonly IpRoute[]).flatMap(
    (route) => toRoute(route, family) ?? [],
  )
}

function toRoute(route: IpRoute, family: 4 | 6): Route | undefined {
  const type = nameOf(RTN, Number(route.type ?? RTN.unicast))
  const scope = nameOf(RT_SCOPE, Number(route.scope ?? RT_SCOPE.universe))
  const host = family === 4 ? 32 : 128
  const destination =
    route.dst === 'default'
      ? undefined
      : parseInterfaceAddress(route.dst.includes('/') ? route.dst : `${route.dst}/${host}`)
  const [gateway, source] = [parseIP(route.gateway ?? ''), parseIP(route.prefsrc ?? '')]
  const table = Number(route.table ?? RT_TABLE_MAIN)
  if (type === undefined || (route.dst !== 'default' && !destination)) return undefined
  return {
    family,
    protocol: Number(route.protocol ?? RTPROT_BOOT),
    ...(destination && { destination }),
    ...(gateway !== undefined && { gateway }),
    ...(route.dev !== undefined && { device: route.dev }),
    ...(source !== undefined && { source }),
    ...(scope !== undefined && scope !== 'nowhere' && { scope }),
    ...(route.flags.includes('onlink') && { onlink: true }),
    ...(type !== 'unicast' && { type }),
    ...(table !== RT_TABLE_MAIN && { table }),
    ...toMetrics(route, family),
  }
}

/** 1024 is what IPv6 routes have where nobody named a metric. */
function toMetrics({ metric, metrics = [] }: IpRoute, family: 4 | 6): Partial<Route> {
  const { mtu, advmss } = metrics[0] ?? {}
  return {
    ...(metric !== undefined && !(family === 6 && metric === 1024) && { priority: metric }),
    ...(mtu !== undefined && { mtuBytes: mtu }),
    ...(advmss !== undefined && { advertisedMSS: advmss }),
  }
}

interface IpRule {
  readonly priority: number
  readonly src: string
  readonly srclen?: number
  readonly table?: string
}

/** `ip -j -N -4 rule show`: rules that lead to no table are passed over. */
export function parseRules(json: string, family: 4 | 6): RoutingRule[] {
  return (JSON.parse(json || '[]') as readonly IpRule[]).flatMap(
    ({ src, srclen = family === 4 ? 32 : 128, table, priority }) => {
      const source = src === 'all' ? undefined : parseInterfaceAddress(`${src}/${srclen}`)
      const isRead = table !== undefined && (src === 'all' || source)
      return isRead ? [{ family, table: Number(table), priority, ...(source && { source }) }] : []
    },
  )
}

function nameOf<T extends Readonly<Record<string, number>>>(
  names: T,
  value: number,
): keyof T | undefined {
  return Object.keys(names).find((name) => names[name] === value)
}

interface IpNeighbour {
  readonly dst: string
  readonly dev: string
  readonly lladdr?: string
  readonly state?: readonly string[]
}

/** `ip -j neigh show nud all`, or of `ip -j neigh show proxy` where `proxy`. */
export function parseNeighbours(json: string, proxy: boolean): Neighbour[] {
  return (JSON.parse(json || '[]') as readonly IpNeighbour[]).flatMap((entry): Neighbour[] => {
    const [ip, mac] = [parseIP(entry.dst), parseMAC(entry.lladdr ?? '')]
    if (ip === undefined) return []
    if (proxy) return [{ device: entry.dev, ip, proxy }]
    const state = STATES.find((name) => entry.state?.includes(name.toUpperCase())) ?? 'other'
    return [{ device: entry.dev, ip, ...(mac !== undefined && { mac }), state }]
  })
}

const STATES = ['permanent', 'reachable', 'stale', 'failed', 'noarp'] as const

interface BridgeFDBEntry {
  readonly mac: string
  readonly ifname: string
  readonly dst?: string
  readonly state?: string
}

/** `bridge -j fdb show`. */
export function parseFDB(json: string): FDBEntry[] {
  return (JSON.parse(json || '[]') as readonly BridgeFDBEntry[]).flatMap((entry) => {
    const [mac, destination] = [parseMAC(entry.mac), parseIP(entry.dst ?? '')]
    if (mac === undefined) return []
    const permanent = entry.state === 'permanent'
    return [{ device: entry.ifname, mac, permanent, ...(destination && { destination }) }]
  })
}

/** `bridge -j vlan show`; nothing at all on a kernel without VLAN filtering. */
export function parseBridgeVLANs(json: string): BridgeVLAN[] {
  const ports = JSON.parse(json || '[]') as readonly {
    readonly ifname: string
    readonly vlans?: readonly { readonly vlan: number; readonly flags?: readonly string[] }[]
  }[]
  return ports.flatMap(({ ifname: device, vlans = [] }) =>
    vlans.map(({ vlan: vid, flags = [] }) => ({
      device,
      vid,
      pvid: flags.includes('PVID'),
      untagged: flags.includes('Egress Untagged'),
    })),
  )
}
