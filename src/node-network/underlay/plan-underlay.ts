import type { CIDR } from '#ip/cidr.ts'
import { cidrContains, nthAddress } from '#ip/cidr.ts'
import { type Family, familyOf, type IP, ipToBytes } from '#ip/ip.ts'
import { type MAC, macFromBytes } from '#ip/mac.ts'
import type { Address, Route } from '#kernel/netlink/model.ts'
import { BRIDGED_IS_NOT_ROUTED, EVERYWHERE, forwarding, refusal, usable } from './host-settings.ts'

/*
 * Layer 1 on one machine. A namespace `lan` plays the switch: its bridge `br0` has one port a host, named after the host. Each
 * host is a namespace whose only way out is `eth0`:
 *
 *   control-plane .2   node1 .11   node2 .12 …   outside .254
 *        eth0            eth0        eth0           eth0
 *          └───────────────┴─── br0 ──┴──────────────┘        (namespace lan)
 *
 * With two subnets each has a bridge of its own, and `router` has a leg on both, with the first address of each:
 *
 *   control-plane .2   node1 .11   outside .254            node2 172.30.1.12
 *        eth0            eth0          eth0                      eth0
 *          └───────────────┴─── br0 ────┴── eth0 router eth1 ── br1 ┘
 *
 * No part of it is the machine's own network. A packet for elsewhere goes from a node to its router, if there is one, and to the
 * control plane, which has no route either and says so at once, so that programs fail instead of waiting.
 */

export interface UnderlayOptions {
  /** One subnet in which all hosts are neighbours, or several that a router joins: of each its networks, one a family. */
  readonly subnets: readonly (readonly CIDR[])[]
  /** One address a family, as of all hosts; in the first subnet. */
  readonly controlPlane: readonly IP[]
  readonly outside: readonly IP[]
  readonly nodes: readonly { readonly name: string; readonly ips: readonly IP[] }[]
  readonly mtuBytes?: number
}

/** Everything layer 1 consists of. Namespaces come in the order in which they can be made. */
export interface UnderlayPlan {
  readonly namespaces: readonly NamespacePlan[]
}

export interface NamespacePlan {
  readonly name: string
  /** What devices made later inherit, and what holds for all. */
  readonly sysctls: readonly Sysctl[]
  readonly bridges: readonly Bridge[]
  /** The host's cables. */
  readonly cables: readonly Cable[]
  readonly addresses: readonly Address[]
  readonly routes: readonly Route[]
  /** Set when the devices are there. */
  readonly deviceSysctls: readonly Sysctl[]
  /** nftables tables of our own. */
  readonly tables: readonly Table[]
}

export interface Bridge {
  readonly name: string
  readonly mac: MAC
  readonly mtuBytes: number
}

/** The other end is `port` of `bridge` in `lan`. */
export interface Cable {
  readonly device: string
  readonly mac: MAC
  readonly mtuBytes: number
  readonly bridge: string
  readonly port: string
}

export interface Table {
  readonly family: 'ip' | 'ip6'
  readonly name: string
  readonly script: string
}

export interface Sysctl {
  readonly name: string
  readonly value: string
  /** Absent where a module is not loaded or IPv6 is off: then there is nothing to set. */
  readonly optional?: boolean
}

export const LAN = 'lan'
export const CONTROL_PLANE = 'control-plane'
export const OUTSIDE = 'outside'
export const ROUTER = 'router'
const DEVICE = 'eth0'
const DEFAULT_MTU_BYTES = 1500
/** IFNAMSIZ less the closing zero: a bridge port is named after its host. */
const MAX_NAME_BYTES = 15

/** @throws RangeError for a host whose name cannot name a link, or is taken, or that is in no subnet */
export function planUnderlay(options: UnderlayOptions): UnderlayPlan {
  const { subnets, nodes, controlPlane, outside, mtuBytes = DEFAULT_MTU_BYTES } = options
  checkNames(nodes.map(({ name }) => name))
  const families = controlPlane.map(familyOf)
  const host = (name: string, ips: readonly IP[], own: HostSettings = {}) =>
    planHost({ name, ips, subnets, mtuBytes }, own)
  return {
    namespaces: [
      planLan(subnets, mtuBytes),
      ...(subnets.length > 1 ? [planRouter(options, mtuBytes)] : []),
      host(CONTROL_PLANE, controlPlane, {
        routes: families.map((family) => ({ family, type: 'unreachable' })),
        ...refusal(families),
      }),
      ...nodes.map(({ name, ips }) =>
        host(name, ips, {
          routes: nodeDefaultRoutes(options, subnetOf(ips, subnets)),
          sysctls: forwarding(families),
          deviceSysctls: families.flatMap(answersForOthers),
        }),
      ),
      host(OUTSIDE, outside),
    ],
  }
}

/** LoadBalancer addresses: proxy entries answer at once, not after up to 0.8 s; IPv6 answers by them, and tells of a new address, if told to. */
function answersForOthers(family: Family): readonly Sysctl[] {
  const atOnce = { name: `net.ipv${family}.neigh.${DEVICE}.proxy_delay`, value: '0' }
  if (family === 4) return [atOnce]
  const names = ['proxy_ndp', 'ndisc_notify']
  return [atOnce, ...names.map((name) => ({ name: `net.ipv6.conf.${DEVICE}.${name}`, value: '1' }))]
}

interface HostOptions {
  readonly name: string
  readonly ips: readonly IP[]
  readonly subnets: UnderlayOptions['subnets']
  readonly mtuBytes: number
}

type HostSettings = Partial<Pick<NamespacePlan, 'routes' | 'sysctls' | 'deviceSysctls' | 'tables'>>

function planHost({ name, ips, subnets, mtuBytes }: HostOptions, own: HostSettings): NamespacePlan {
  const at = subnetOf(ips, subnets)
  return {
    name,
    sysctls: [...usable(ips.map(familyOf)), ...EVERYWHERE, ...(own.sysctls ?? [])],
    bridges: [],
    cables: [{ device: DEVICE, mac: macOf(ips[0]!), mtuBytes, bridge: bridgeName(at), port: name }],
    addresses: addressesOn(DEVICE, ips, subnets[at]!),
    routes: [...routesBetween(at, subnets), ...(own.routes ?? [])],
    deviceSysctls: own.deviceSysctls ?? [],
    tables: own.tables ?? [],
  }
}

/** Forwards between the subnets, by their addresses alone: it knows of no pods, unless a cloud's table of routes is kept in it. */
function planRouter({ subnets, controlPlane }: UnderlayOptions, mtuBytes: number): NamespacePlan {
  const families = controlPlane.map(familyOf)
  const legs = subnets.map((networks, at) => ({
    device: `eth${at}`,
    ips: networks.map(routerAddress),
    networks,
    at,
  }))
  return {
    name: ROUTER,
    sysctls: [...usable(families), ...EVERYWHERE, ...forwarding(families)],
    bridges: [],
    cables: legs.map(({ device, ips, at }) => ({
      device,
      mac: macOf(ips[0]!),
      mtuBytes,
      bridge: bridgeName(at),
      port: `${ROUTER}-${at}`,
    })),
    addresses: legs.flatMap(({ device, ips, networks }) => addressesOn(device, ips, networks)),
    routes: controlPlane.map((gateway): Route => {
      return { family: familyOf(gateway), gateway, device: DEVICE }
    }),
    deviceSysctls: [],
    tables: [],
  }
}

function planLan(subnets: UnderlayOptions['subnets'], mtuBytes: number): NamespacePlan {
  return {
    name: LAN,
    // Default 1 in each namespace where br_netfilter is loaded: a switch must not filter what it switches.
    sysctls: [...EVERYWHERE, ...BRIDGED_IS_NOT_ROUTED],
    bridges: subnets.map((_, at) => ({ name: bridgeName(at), mac: bridgeMAC(at), mtuBytes })),
    cables: [],
    addresses: [],
    routes: [],
    deviceSysctls: [],
    tables: [],
  }
}

/** The ways to the other subnets, by the router. */
function routesBetween(at: number, subnets: UnderlayOptions['subnets']): readonly Route[] {
  return subnets.flatMap((networks, other) =>
    other === at
      ? []
      : networks.map((destination): Route => {
          const family = familyOf(destination.address)
          return { family, destination, gateway: gatewayOf(subnets[at]!, family), device: DEVICE }
        }),
  )
}

/** What no other route leads to goes to the router, as in every network that has one, else to the control plane. */
function nodeDefaultRoutes(
  { controlPlane, subnets }: UnderlayOptions,
  at: number,
): readonly Route[] {
  return controlPlane.map((ip): Route => {
    const family = familyOf(ip)
    return {
      family,
      gateway: subnets.length > 1 ? gatewayOf(subnets[at]!, family) : ip,
      device: DEVICE,
    }
  })
}

function gatewayOf(networks: readonly CIDR[], family: Family): IP {
  return routerAddress(networks.find(({ address }) => familyOf(address) === family)!)
}

function routerAddress(network: CIDR): IP {
  return nthAddress(network, 1)
}

function subnetOf(ips: readonly IP[], subnets: UnderlayOptions['subnets']): number {
  const at = subnets.findIndex((networks) =>
    ips.every((ip) => networks.some((network) => cidrContains(network, ip))),
  )
  if (at < 0) throw new RangeError(`Cannot place a host with ${ips.join(', ')}: it is in no subnet`)
  return at
}

function addressesOn(
  device: string,
  ips: readonly IP[],
  networks: readonly CIDR[],
): readonly Address[] {
  return ips.map((address) => {
    const { prefixLength } = networks.find((network) => cidrContains(network, address))!
    return { device, address: { address, prefixLength } }
  })
}

/** Locally administered, and the same for the same address: a repaired cable is found by old ARP entries. */
function macOf(ip: IP): MAC {
  const bytes = ipToBytes(ip)
  // Of an IPv6 address what tells subnets and hosts apart in the address plan.
  const own = bytes.length === 4 ? [0xfa, ...bytes] : [0xf6, bytes[7]!, ...bytes.slice(13)]
  return macFromBytes(Uint8Array.of(0x02, ...own))
}

function bridgeName(at: number): string {
  return `br${at}`
}

/** Fixed, or it would follow the lowest of its ports' and change as they come and go. */
function bridgeMAC(at: number): MAC {
  return macFromBytes(Uint8Array.of(0x02, 0xfa, 0, 0, 0, 1 + at))
}

function checkNames(nodes: readonly string[]): void {
  const taken = [LAN, CONTROL_PLANE, OUTSIDE, ROUTER, 'router-0', 'router-1', 'br0', 'br1']
  const names = [...taken, ...nodes]
  for (const [index, name] of nodes.entries()) {
    const isLinkName = /^[^\s/:]+$/.test(name) && name !== '.' && name !== '..'
    if (!isLinkName || Buffer.byteLength(name) > MAX_NAME_BYTES) {
      throw new RangeError(
        `Cannot name a host ${JSON.stringify(name)}: its port on the bridge has the same name, and a link's has 1 to ${MAX_NAME_BYTES} bytes`,
      )
    }
    if (names.indexOf(name) !== index + taken.length)
      throw new RangeError(`Cannot name a host ${name}: the name is taken`)
  }
}
