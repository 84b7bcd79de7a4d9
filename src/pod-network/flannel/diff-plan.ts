import { formatCIDR } from '#ip/cidr.ts'
import type { Address, FDBEntry, Link, LinkSpec, Neighbour, Route } from '#kernel/netlink/model.ts'
import { DEVICE_ALIAS, type NodePlan, ROUTE_PROTOCOL, type Sysctl } from './backend.ts'

/** What the kernel shows, of everybody's. */
export interface Observed {
  readonly links: readonly Link[]
  readonly addresses: readonly Address[]
  readonly neighbours: readonly Neighbour[]
  readonly fdb: readonly FDBEntry[]
  readonly routes: readonly Route[]
  /** Of those planned, the values; absent where this kernel has none. */
  readonly sysctls: readonly Sysctl[]
}

/** What to do, in this order: entries before routes, so that no packet is sent into a tunnel without an end. */
export type Change =
  | { readonly do: 'replace link' | 'set link'; readonly link: LinkSpec }
  | { readonly do: 'delete link'; readonly name: string }
  | { readonly do: 'add address' | 'delete address'; readonly address: Address }
  | { readonly do: 'add neighbour' | 'delete neighbour'; readonly neighbour: Neighbour }
  | { readonly do: 'add FDB entry' | 'delete FDB entry'; readonly entry: FDBEntry }
  | { readonly do: 'add route' | 'delete route'; readonly route: Route }
  | { readonly do: 'set sysctl'; readonly sysctl: Sysctl }

/** RTPROT_KERNEL: what comes by itself with an address. */
const KERNEL_PROTOCOL = 2

/**
 * What is missing, then what is too much. Ours is: the planned devices with everything on them, devices with our alias, and routes
 * of our protocol. All else is somebody else's and stays.
 */
export function diffPlan(plan: NodePlan, observed: Observed): readonly Change[] {
  const links = diffLinks(plan, observed)
  const { kept } = links
  const isKept = ({ device }: { readonly device?: string }) =>
    device !== undefined && kept.has(device)
  const held = {
    addresses: observed.addresses.filter((it) => isKept(it) && !isLinkLocal(it)),
    neighbours: observed.neighbours.filter((it) => isKept(it) && isWritten(it)),
    fdb: observed.fdb.filter((it) => isKept(it) && it.destination !== undefined),
    routes: observed.routes.filter((it) => isOurs(it, kept, links.lost)),
  }
  const addresses = diffByKey(plan.addresses, held.addresses, keyOfAddress)
  const neighbours = diffByKey(plan.neighbours, held.neighbours, keyOfNeighbour)
  const fdb = diffByKey(plan.fdb, held.fdb, keyOfEntry)
  const routes = diffByKey(plan.routes, held.routes, keyOfRoute)
  const sysctls = diffByKey(plan.sysctls, observed.sysctls, ({ name, value }) => `${name}=${value}`)
  return [
    ...links.changes,
    ...addresses.add.map((address) => ({ do: 'add address', address }) as const),
    ...neighbours.add.map((neighbour) => ({ do: 'add neighbour', neighbour }) as const),
    ...fdb.add.map((entry) => ({ do: 'add FDB entry', entry }) as const),
    ...routes.add.map((route) => ({ do: 'add route', route }) as const),
    ...unlessReplaced(routes, destinationOf).map(
      (route) => ({ do: 'delete route', route }) as const,
    ),
    ...fdb.remove.map((entry) => ({ do: 'delete FDB entry', entry }) as const),
    ...unlessReplaced(neighbours, ({ ip, device }) => `${ip} ${device}`).map(
      (neighbour) => ({ do: 'delete neighbour', neighbour }) as const,
    ),
    ...addresses.remove.map((address) => ({ do: 'delete address', address }) as const),
    ...links.stale.map((name) => ({ do: 'delete link', name }) as const),
    ...sysctls.add.map((sysctl) => ({ do: 'set sysctl', sysctl }) as const),
  ]
}

function diffLinks(plan: NodePlan, { links }: Observed) {
  const byName = new Map(links.map((link) => [link.name, link]))
  const changes: Change[] = []
  /** Devices whose entries count. */
  const kept = new Set<string>()
  /** Devices that have no routes now: routes go with a device, and when it goes down. */
  const lost = new Set<string>()
  for (const spec of plan.links) {
    const link = byName.get(spec.name)
    if (!link || !isSameDevice(spec, link, byName)) {
      // These are their carriers' to make, which have been asked to.
      if (spec.kind !== 'tun' && spec.kind !== 'wireguard')
        changes.push({ do: 'replace link', link: spec })
      lost.add(spec.name)
      continue
    }
    kept.add(spec.name)
    if (!link.up) lost.add(spec.name)
    if (!isSet(spec, link)) changes.push({ do: 'set link', link: spec })
  }
  const planned = new Set(plan.links.map(({ name }) => name))
  const stale = links.filter(({ name, alias }) => alias === DEVICE_ALIAS && !planned.has(name))
  for (const { name } of stale) lost.add(name)
  return { changes, kept, lost, stale: stale.map(({ name }) => name) }
}

/** What cannot be changed on a device that exists. */
function isSameDevice(spec: LinkSpec, link: Link, byName: ReadonlyMap<string, Link>): boolean {
  if (link.kind !== spec.kind) return false
  if (spec.kind === 'ipip') return link.local === spec.local
  if (spec.kind !== 'vxlan') return true
  const { vxlan } = link
  return (
    vxlan !== undefined &&
    vxlan.vni === spec.vni &&
    vxlan.port === spec.port &&
    vxlan.local === spec.local &&
    vxlan.learning === spec.learning &&
    (vxlan.gbp ?? false) === (spec.gbp ?? false) &&
    vxlan.deviceIndex === byName.get(spec.device)?.index
  )
}

function isSet({ mac, mtuBytes, alias }: LinkSpec, link: Link): boolean {
  return (
    link.up &&
    (mac === undefined || link.mac === mac) &&
    (mtuBytes === undefined || link.mtuBytes === mtuBytes) &&
    (alias === undefined || link.alias === alias)
  )
}

function isOurs(
  { device, protocol }: Route,
  kept: ReadonlySet<string>,
  lost: ReadonlySet<string>,
): boolean {
  if (device !== undefined && lost.has(device)) return false
  if (protocol === ROUTE_PROTOCOL) return true
  return device !== undefined && kept.has(device) && protocol !== KERNEL_PROTOCOL
}

interface Difference<T> {
  readonly add: readonly T[]
  readonly remove: readonly T[]
}

function diffByKey<T>(
  desired: readonly T[],
  observed: readonly T[],
  keyOf: (it: T) => string,
): Difference<T> {
  const [wanted, held] = [new Set(desired.map(keyOf)), new Set(observed.map(keyOf))]
  return {
    add: desired.filter((it) => !held.has(keyOf(it))),
    remove: observed.filter((it) => !wanted.has(keyOf(it))),
  }
}

/** Adding replaces what has the same place: deleting that would delete the new one. */
function unlessReplaced<T>(
  { add, remove }: Difference<T>,
  placeOf: (it: T) => string,
): readonly T[] {
  const added = new Set(add.map(placeOf))
  return remove.filter((it) => !added.has(placeOf(it)))
}

function isLinkLocal({ address: { address } }: Address): boolean {
  return /^fe[89ab]/.test(address)
}

/** The kernel's own entries (multicast, resolution under way) are none of ours. */
function isWritten({ state, proxy }: Neighbour): boolean {
  return !proxy && (state === 'permanent' || state === 'stale' || state === 'reachable')
}

function keyOfAddress({ address, device }: Address): string {
  return `${formatCIDR(address)} ${device}`
}

function keyOfNeighbour({ ip, mac, state, device }: Neighbour): string {
  return `${ip} ${mac} ${state} ${device}`
}

function keyOfEntry({ mac, destination, device }: FDBEntry): string {
  return `${mac} ${destination} ${device}`
}

function destinationOf({ destination, family }: Route): string {
  return destination ? formatCIDR(destination) : `default ${family}`
}

function keyOfRoute(route: Route): string {
  const { gateway, device, onlink = false, type = 'unicast' } = route
  return `${type} ${destinationOf(route)} ${gateway} ${device} ${onlink}`
}
