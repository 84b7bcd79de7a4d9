import { type CIDR, formatCIDR } from '#ip/cidr.ts'
import { familyOf } from '#ip/ip.ts'
import type { Link, Route, Rtnetlink } from '#kernel/netlink/model.ts'
import { openRtnetlink } from '#kernel/netlink/rtnetlink.ts'
import type { Netns } from '#kernel/netns/netns.ts'
import { readSysctl } from '#kernel/sysctl/sysctl.ts'
import type { PodSettings } from '../plugin.ts'
import { addLinkLocal, needsLinkLocal } from './link-local.ts'
import type { PodInterfacePlan } from './plan-pod-interface.ts'
import { setSysctl } from './set-sysctl.ts'

/**
 * Gives a pod's interface back what somebody took: up, ARP, addresses, routes. What a pod adds by itself stays: other addresses, and
 * a route to the same destination by another device (a VPN's).
 * @returns whether anything was missing
 */
export function keepPodInterface(
  { device, addresses, routes, removedRoutes = [] }: KeptInterface,
  rtnetlink: Rtnetlink,
): boolean {
  const link = rtnetlink.link(device)
  if (!link) return false
  const isUp = link.up && !link.noARP
  if (!isUp) rtnetlink.setLink(device, { up: true, arp: true })
  const hadAddresses = keepAddresses(device, addresses, rtnetlink)
  const hadLinkLocal = !needsLinkLocal(device, addresses, rtnetlink)
  if (!hadLinkLocal) addLinkLocal(device, rtnetlink)
  if (!hadAddresses) for (const route of removedRoutes) rtnetlink.deleteRoute(route)
  const missing = findMissingRoutes(routes, rtnetlink)
  for (const route of missing) rtnetlink.replaceRoute(route)
  return !isUp || !hadAddresses || !hadLinkLocal || missing.length > 0
}

type LinkSettingsOfPod = Required<PodSettings>['link']
type KeptInterface = Pick<PodInterfacePlan, 'device' | 'addresses' | 'routes'> &
  Partial<Pick<PodInterfacePlan, 'removedRoutes'>>

/** Of IPv4 the first address is what packets come from: others that came meanwhile are put behind it. @returns whether all were there */
function keepAddresses(device: string, addresses: readonly CIDR[], rtnetlink: Rtnetlink): boolean {
  const held = rtnetlink.addresses().filter((each) => each.device === device)
  const isHeld = (wanted: CIDR) =>
    held.some(({ address }) => formatCIDR(address) === formatCIDR(wanted))
  const missing = addresses.filter((wanted) => !isHeld(wanted))
  if (missing.length === 0) return true
  const isWanted = ({ address }: { readonly address: CIDR }) =>
    addresses.some((wanted) => formatCIDR(wanted) === formatCIDR(address))
  const others = missing.some(isIPv4)
    ? held.filter((each) => isIPv4(each.address) && !isWanted(each))
    : []
  for (const other of others) rtnetlink.deleteAddress(other)
  for (const address of missing) rtnetlink.replaceAddress({ device, address })
  for (const other of others) rtnetlink.replaceAddress(other)
  return false
}

function isIPv4({ address }: CIDR): boolean {
  return familyOf(address) === 4
}

function findMissingRoutes(routes: readonly Route[], rtnetlink: Rtnetlink): readonly Route[] {
  if (routes.length === 0) return []
  const held = rtnetlink.routes({ table: 'all' })
  return routes.filter((wanted) => {
    // In any table: sbr and vrf, later in a chain, move routes to tables of their own.
    if (held.some((each) => isSame(each, wanted))) return false
    const inPlace = held.filter((each) => placeOf(each) === placeOf(wanted))
    // One without a device is a refusal, and no way.
    return !inPlace.some(({ device }) => device !== undefined && device !== wanted.device)
  })
}

/** IP6_RT_PRIO_USER: what IPv6 takes where none is said. */
const DEFAULT_IPV6_PRIORITY = 1024
const MAIN_TABLE = 254

function placeOf(route: Route): string {
  const { family, table = MAIN_TABLE, priority } = route
  const metric = priority ?? (family === 6 ? DEFAULT_IPV6_PRIORITY : 0)
  return `${destinationOf(route)} ${table} ${metric}`
}

function destinationOf({ family, destination }: Route): string {
  return destination && destination.prefixLength > 0 ? formatCIDR(destination) : `default ${family}`
}

function isSame(held: Route, wanted: Route): boolean {
  return (
    destinationOf(held) === destinationOf(wanted) &&
    held.device === wanted.device &&
    held.gateway === wanted.gateway
  )
}

/** Sets what differs. @returns whether anything did */
export function keepSysctls(sysctls: ReadonlyMap<string, string>, netns: Netns): boolean {
  const wrong = wrongSysctls(sysctls, netns)
  for (const [name, value] of wrong) setSysctl(name, value, netns)
  return wrong.length > 0
}

/** The same of an interface that is there. */
export function keepLink(device: string, wanted: LinkSettingsOfPod, netns: Netns): boolean {
  using rtnetlink = openRtnetlink(netns)
  const held = rtnetlink.link(device)
  if (!held || hasSettings(held, wanted)) return false
  rtnetlink.setLink(device, wanted)
  return true
}

/** Those with another value; a sysctl that is not there, or cannot be read, is none. */
export function wrongSysctls(
  sysctls: ReadonlyMap<string, string>,
  netns: Netns,
): readonly (readonly [string, string])[] {
  return [...sysctls].filter(([name, value]) => {
    try {
      // Some are printed with tabs between their words.
      return readSysctl(name, netns).replaceAll(/\s+/g, ' ') !== value.replaceAll(/\s+/g, ' ')
    } catch {
      return false
    }
  })
}

function hasSettings(held: Link, wanted: LinkSettingsOfPod): boolean {
  const { mac, mtuBytes, promiscuous, allMulticast, txQueueLength } = wanted
  const isAs = <T>(value: T | undefined, now: T | undefined) => value === undefined || value === now
  return (
    isAs(mac, held.mac) &&
    isAs(mtuBytes, held.mtuBytes) &&
    isAs(txQueueLength, held.txQueueLength) &&
    isAs(promiscuous, held.promiscuous ?? false) &&
    isAs(allMulticast, held.allMulticast ?? false)
  )
}
