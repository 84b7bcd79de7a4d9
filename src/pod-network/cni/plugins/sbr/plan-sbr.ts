import { cidr, cidrContains, networkOf } from '#ip/cidr.ts'
import { type Family, familyOf, type IP } from '#ip/ip.ts'
import type { Route, RoutingRule } from '#kernel/netlink/model.ts'
import type { CNIAddress } from '../../protocol/result.ts'
import { hostOf } from '../pod-interface/plan-pod-interface.ts'

/** Each address of an interface routed by a table of its own: what it sends leaves by that interface, whatever the main table says. */
export interface SBRPlan {
  readonly rules: readonly RoutingRule[]
  /** In order. */
  readonly routes: readonly Route[]
  /** Of the main table: they are in the others now. */
  readonly removedRoutes: readonly Route[]
}

export interface SBRInput {
  readonly device: string
  /** Those of the interface. */
  readonly ips: readonly CNIAddress[]
  /** Of all tables of the pod. */
  readonly rules: readonly RoutingRule[]
  readonly routes: readonly Route[]
  readonly gateways: Readonly<Partial<Record<Family, IP>>>
  readonly addSourceHints: boolean
}

const FIRST_TABLE = 100
const IPV6_LINK_LOCAL = cidr('fe80::/10')

export function planSBR(input: SBRInput): SBRPlan {
  const { device, ips, addSourceHints } = input
  const own = input.routes.filter((route) => isMoved(route, device))
  const taken = [...input.rules, ...input.routes].map(({ table }) => table)
  const tables = freeTables(taken, ips.length)
  const hints = addSourceHints ? ips.map((ip) => hintOf(device, ip)) : []
  const isGone = ({ scope }: Route) => !addSourceHints || scope !== 'link'
  return {
    rules: ips.map(({ address: { address } }, i) => ruleOf(address, tables[i]!)),
    routes: [...ips.flatMap((ip, i) => routesOf(ip, tables[i]!, own, input)), ...hints],
    removedRoutes: own.filter(isGone),
  }
}

/** With the option `table`: somebody else fills it. */
export function planSBRWithTable(ips: readonly CNIAddress[], table: number): SBRPlan {
  const rules = ips.map(({ address: { address } }) => ruleOf(address, table))
  return { rules, routes: [], removedRoutes: [] }
}

/** Of the main table; what neighbours on the link say to each other stays there. */
function isMoved({ device, table, destination }: Route, own: string): boolean {
  const isLinkLocal =
    destination &&
    familyOf(destination.address) === 6 &&
    cidrContains(IPV6_LINK_LOCAL, destination.address)
  return device === own && table === undefined && !isLinkLocal
}

function ruleOf(address: IP, table: number): RoutingRule {
  return { family: familyOf(address), source: hostOf(address), table }
}

/** The default route, which an earlier plugin may have removed, and a copy of each route that this address is concerned with. */
function routesOf(
  { address, gateway }: CNIAddress,
  table: number,
  own: readonly Route[],
  { device, gateways }: SBRInput,
): readonly Route[] {
  const family = familyOf(address.address)
  const via = gateways[family] ?? gateway
  const subnet = networkOf(address)
  const copied = own.filter((route) => {
    const { source, gateway: next } = route
    if (route.family !== family) return false
    const isNear = (ip: IP | undefined) => ip !== undefined && cidrContains(subnet, ip)
    return isNear(source) || isNear(next) || (source === undefined && next === undefined)
  })
  return [
    // On link: in a table of its own nothing says where the gateway is.
    ...(via ? [{ family, device, gateway: via, table, onlink: true } as const] : []),
    ...copied.map((route) => ({ ...route, table })),
  ]
}

function hintOf(device: string, { address }: CNIAddress): Route {
  const family = familyOf(address.address)
  const destination = networkOf(address)
  return { family, device, destination, source: address.address, scope: 'link' }
}

function freeTables(taken: readonly (number | undefined)[], count: number): readonly number[] {
  const held = new Set(taken)
  const free: number[] = []
  for (let table = FIRST_TABLE; free.length < count; table++) if (!held.has(table)) free.push(table)
  return free
}
