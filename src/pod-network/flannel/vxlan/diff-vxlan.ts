import { formatCIDR } from '#ip/cidr.ts'
import type { Address, FDBEntry, Link, Neighbour, Route, Rtnetlink } from '#kernel/netlink/model.ts'
import type { VXLANPlan } from './plan-vxlan.ts'

/** What is on the device now. */
export interface ObservedVXLAN {
  readonly link?: Link
  /** Index of the device that the tunnel's packets leave by. */
  readonly underlayIndex?: number
  readonly addresses: readonly Address[]
  readonly neighbours: readonly Neighbour[]
  readonly fdb: readonly FDBEntry[]
  readonly routes: readonly Route[]
}

/** What to do, in this order: entries before routes, so that no packet is sent into a tunnel without an end. */
export type VXLANChange =
  | { readonly do: 'replace link' | 'set link' }
  | { readonly do: 'add address' | 'delete address'; readonly address: Address }
  | { readonly do: 'add neighbour' | 'delete neighbour'; readonly neighbour: Neighbour }
  | { readonly do: 'add FDB entry' | 'delete FDB entry'; readonly entry: FDBEntry }
  | { readonly do: 'add route' | 'delete route'; readonly route: Route }

export function observeVXLAN(plan: VXLANPlan, rtnetlink: Rtnetlink): ObservedVXLAN {
  const { name, device } = plan.link
  const [link, underlay] = [rtnetlink.link(name), rtnetlink.link(device)]
  const underlayIndex = underlay && { underlayIndex: underlay.index }
  if (!link) return { ...underlayIndex, addresses: [], neighbours: [], fdb: [], routes: [] }
  const onDevice = (it: { readonly device?: string }) => it.device === name
  return {
    link,
    ...underlayIndex,
    addresses: rtnetlink.addresses().filter(onDevice),
    neighbours: rtnetlink.neighbours().filter(onDevice),
    fdb: rtnetlink.fdb().filter(onDevice),
    routes: rtnetlink.routes().filter(onDevice),
  }
}

/** What is missing, then what is too much. Everything IPv4 on the device is ours: it is named by its VNI. */
export function diffVXLAN(plan: VXLANPlan, observed: ObservedVXLAN): readonly VXLANChange[] {
  if (!observed.link || !isSameTunnel(plan, observed)) return buildUp(plan)
  const { link } = observed
  const { mac, mtuBytes } = plan.link
  const isSet = link.mac === mac && link.mtuBytes === mtuBytes && link.up
  // Routes go when a link goes down, and are not there when it comes up.
  const held = link.up ? observed : { ...observed, routes: [] }
  const v4 = held.addresses.filter(({ address }) => !address.address.includes(':'))
  const addresses = diffByKey([plan.address], v4, ({ address }) => formatCIDR(address))
  const neighbours = diffByKey(plan.neighbours, held.neighbours.filter(isWritten), keyOfNeighbour)
  const fdb = diffByKey(plan.fdb, held.fdb.filter(hasDestination), keyOfEntry)
  const routes = diffByKey(plan.routes, held.routes.filter(isV4), keyOfRoute)
  return [
    ...(isSet ? [] : [{ do: 'set link' } as const]),
    ...addresses.add.map((address) => ({ do: 'add address', address }) as const),
    ...neighbours.add.map((neighbour) => ({ do: 'add neighbour', neighbour }) as const),
    ...fdb.add.map((entry) => ({ do: 'add FDB entry', entry }) as const),
    ...routes.add.map((route) => ({ do: 'add route', route }) as const),
    ...replacedDestinations(routes).map((route) => ({ do: 'delete route', route }) as const),
    ...fdb.remove.map((entry) => ({ do: 'delete FDB entry', entry }) as const),
    ...replacedNeighbours(neighbours).map(
      (neighbour) => ({ do: 'delete neighbour', neighbour }) as const,
    ),
    ...addresses.remove.map((address) => ({ do: 'delete address', address }) as const),
  ]
}

function buildUp(plan: VXLANPlan): readonly VXLANChange[] {
  return [
    { do: 'replace link' },
    { do: 'add address', address: plan.address },
    ...plan.neighbours.map((neighbour) => ({ do: 'add neighbour', neighbour }) as const),
    ...plan.fdb.map((entry) => ({ do: 'add FDB entry', entry }) as const),
    ...plan.routes.map((route) => ({ do: 'add route', route }) as const),
  ]
}

/** What cannot be changed on a device that exists. */
function isSameTunnel({ link }: VXLANPlan, observed: ObservedVXLAN): boolean {
  const held = observed.link?.vxlan
  return (
    held !== undefined &&
    held.vni === link.vni &&
    held.port === link.port &&
    held.local === link.local &&
    held.learning === link.learning &&
    held.deviceIndex === observed.underlayIndex
  )
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

/** Adding replaces what has the same destination: deleting that would delete the new one. */
function replacedDestinations({ add, remove }: Difference<Route>): readonly Route[] {
  const destinationOf = ({ destination }: Route) => (destination ? formatCIDR(destination) : '')
  const added = new Set(add.map(destinationOf))
  return remove.filter((route) => !added.has(destinationOf(route)))
}

function replacedNeighbours({ add, remove }: Difference<Neighbour>): readonly Neighbour[] {
  const added = new Set(add.map(({ ip }) => ip))
  return remove.filter(({ ip }) => !added.has(ip))
}

/** The kernel's own entries (multicast, resolution under way) are none of ours. */
function isWritten({ ip, state, proxy }: Neighbour): boolean {
  return (
    !ip.includes(':') &&
    !proxy &&
    (state === 'permanent' || state === 'stale' || state === 'reachable')
  )
}

function hasDestination({ destination }: FDBEntry): boolean {
  return destination !== undefined
}

function isV4({ family }: Route): boolean {
  return family === 4
}

function keyOfNeighbour({ ip, mac, state }: Neighbour): string {
  return `${ip} ${mac} ${state}`
}

function keyOfEntry({ mac, destination }: FDBEntry): string {
  return `${mac} ${destination}`
}

function keyOfRoute({ destination, gateway, onlink = false, type = 'unicast' }: Route): string {
  return `${type} ${destination ? formatCIDR(destination) : 'default'} ${gateway} ${onlink}`
}
