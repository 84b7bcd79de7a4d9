import { type CIDR, cidr, cidrContains, formatCIDR, networkOf, nthAddress } from '#ip/cidr.ts'
import { type Family, familyOf, type IP, ipToBytes } from '#ip/ip.ts'
import { type MAC, macFromBytes } from '#ip/mac.ts'
import type { Route } from '#kernel/netlink/model.ts'
import { fail } from '../../protocol/cni-error.ts'
import type { CNIAddress, CNIResult, CNIRoute } from '../../protocol/result.ts'
import { hostVethName } from '../pod-interface/veth.ts'
import type { BridgeConfig } from './config.ts'
import { planVLANs, type VLANPlan } from './plan-vlans.ts'

/**
 * What connects one pod, as values:
 *
 *   pod: eth0 ── veth… :node port of cni0      cni0 has the gateway address, and with it the route to the node's own pods
 *                                              (with a VLAN it is cni0.100 ── veth…, another port of cni0, that has it)
 */
export interface AttachmentPlan {
  readonly bridge: {
    readonly name: string
    readonly mtuBytes?: number
    readonly mac?: MAC
    readonly promiscuous: boolean
    readonly vlanFiltering: boolean
  }
  /** What has the gateway addresses: the bridge itself, or a port of it in the pod's VLAN. None where the node is no gateway. */
  readonly gateway: { readonly device: string; readonly addresses: readonly CIDR[] }
  readonly veth: {
    readonly name: string
    readonly mtuBytes?: number
    /** Absent: the kernel's choice. */
    readonly mac?: MAC
    readonly hairpin: boolean
    readonly isolated: boolean
    readonly vlans?: VLANPlan
  }
  readonly pod: {
    readonly device: string
    readonly up: boolean
    readonly mac?: MAC
    readonly detectDuplicates: boolean
    readonly addresses: readonly CIDR[]
    /** In order: a route may need the one before it. */
    readonly routes: readonly Route[]
    readonly ignoreRedirects: boolean
  }
  /** What the caller is told, but for the MAC addresses that the kernel chose. */
  readonly ips: readonly CNIAddress[]
  readonly routes: readonly CNIRoute[]
}

export interface Attachment {
  readonly containerID: string
  readonly ifname: string
}

/** @param ipam what the IPAM plugin gave; undefined on a layer 2 attachment */
export function planAttachment(
  config: BridgeConfig,
  attachment: Attachment,
  ipam: CNIResult | undefined,
): AttachmentPlan {
  const { mtuBytes, hostPrefix, isGateway } = config
  const leases = (ipam?.ips ?? []).map((ip) => withGateway(ip, config))
  const routes = planRoutes(config, leases, ipam?.routes ?? [])
  const gateways = isGateway ? leases.map(gatewayAddress) : []
  const ips = leases.map(({ address, gateway }) => ({
    address: hostPrefix ? hostOf(address.address) : address,
    ...(gateway && { gateway }),
    interface: POD_INTERFACE,
  }))
  const podMAC = config.mac ?? macOf(ips)
  const bridgeMAC = config.vlan === 0 && macOf(gateways.map((address) => ({ address })))
  const vlans = planVLANs(config)
  return {
    bridge: {
      name: config.bridge,
      ...(mtuBytes && { mtuBytes }),
      ...(bridgeMAC && { mac: bridgeMAC }),
      promiscuous: config.promiscMode,
      vlanFiltering: vlans !== undefined,
    },
    gateway: {
      device: config.vlan === 0 ? config.bridge : `${config.bridge}.${config.vlan}`,
      addresses: gateways,
    },
    veth: {
      name: hostVethName(attachment),
      ...(mtuBytes && { mtuBytes }),
      hairpin: config.hairpinMode,
      isolated: config.portIsolation,
      ...(vlans && { vlans }),
    },
    pod: {
      device: attachment.ifname,
      up: !config.disableContainerInterface,
      detectDuplicates: config.enabledad,
      ...(podMAC && { mac: podMAC }),
      addresses: ips.map(({ address }) => address),
      routes: toKernelRoutes(config, attachment.ifname, leases, routes),
      ignoreRedirects: hostPrefix,
    },
    ips,
    routes,
  }
}

/** Index into the result's interfaces: the bridge, its port, the pod's. */
const POD_INTERFACE = 2

/** Without one from IPAM, a gateway bridge takes the subnet's first address. */
function withGateway(ip: CNIAddress, { isGateway }: BridgeConfig): CNIAddress {
  if (ip.gateway || !isGateway) return ip
  return { ...ip, gateway: nthAddress(networkOf(ip.address), 1) }
}

function gatewayAddress({ address, gateway }: CNIAddress): CIDR {
  return { address: gateway!, prefixLength: address.prefixLength }
}

const DEFAULT: Readonly<Record<Family, CIDR>> = { 4: cidr('0.0.0.0/0'), 6: cidr('::/0') }

/** IPAM's routes, and the default routes that `isDefaultGateway` asks for, unless IPAM names a gateway for them. */
function planRoutes(
  { isDefaultGateway }: BridgeConfig,
  leases: readonly CNIAddress[],
  routes: readonly CNIRoute[],
): readonly CNIRoute[] {
  if (!isDefaultGateway) return routes
  const planned = [...routes.filter((route) => !isDefault(route) || route.gateway)]
  for (const { address, gateway } of leases) {
    const destination = DEFAULT[familyOf(address.address)]
    if (planned.some((route) => isDefault(route) && isOf(familyOf(address.address), route)))
      continue
    planned.push({ destination, ...(gateway && { gateway }) })
  }
  return planned
}

function isDefault({ destination }: CNIRoute): boolean {
  return destination.prefixLength === 0
}

function isOf(family: Family, { destination }: CNIRoute): boolean {
  return familyOf(destination.address) === family
}

function toKernelRoutes(
  { hostPrefix }: BridgeConfig,
  device: string,
  leases: readonly CNIAddress[],
  routes: readonly CNIRoute[],
): readonly Route[] {
  // With a /32 nothing is on link: neither the gateway nor the pods next door.
  const subnets = hostPrefix
    ? leases.map(({ address, gateway }) => ({
        destination: networkOf(address),
        ...(gateway && { gateway }),
      }))
    : []
  const isCovered = routes.some(isDefault)
  return [...(isCovered ? [] : subnets), ...routes].map((route) => {
    const family = familyOf(route.destination.address)
    const gateway =
      route.gateway ?? leases.find(({ address }) => familyOf(address.address) === family)?.gateway
    return {
      family,
      device,
      ...(isDefault(route) ? {} : { destination: route.destination }),
      ...(gateway && { gateway }),
      ...(gateway && hostPrefix && { onlink: true }),
      ...metricsOf(route),
    }
  })
}

/** rtnetlink(7): RT_SCOPE_*. */
const SCOPES: ReadonlyMap<number, NonNullable<Route['scope']>> = new Map([
  [0, 'universe'],
  [253, 'link'],
  [254, 'host'],
])

function metricsOf({ mtu, advmss, priority, table, scope }: CNIRoute): Partial<Route> {
  const named = scope === undefined ? undefined : SCOPES.get(scope)
  return {
    ...(mtu && { mtuBytes: mtu }),
    ...(advmss && { advertisedMSS: advmss }),
    ...(priority && { priority }),
    ...(table !== undefined && { table }),
    ...(named && { scope: named }),
  }
}

function hostOf(address: IP): CIDR {
  return { address, prefixLength: familyOf(address) === 4 ? 32 : 128 }
}

/**
 * The same for the same address, as dockershim did it: when an address is given out again, what neighbours remember of it is still
 * true. @returns undefined without an IPv4 address; the kernel chooses then
 */
function macOf(ips: readonly { readonly address: CIDR }[]): MAC | undefined {
  const v4 = ips.find(({ address }) => familyOf(address.address) === 4)
  return v4 && macFromBytes(Uint8Array.of(0x0a, 0x58, ...ipToBytes(v4.address.address)))
}

/** What must change of the addresses that the bridge, or its VLAN's port, has. @throws CNIError where another one of its own is in the way */
export function planGatewayAddresses(
  { device, addresses }: AttachmentPlan['gateway'],
  observed: readonly CIDR[],
  { forceAddress }: Pick<BridgeConfig, 'forceAddress'>,
): { readonly add: readonly CIDR[]; readonly remove: readonly CIDR[] } {
  const isHeld = (wanted: CIDR) => observed.some((it) => formatCIDR(it) === formatCIDR(wanted))
  const add = addresses.filter((wanted) => !isHeld(wanted))
  const remove = add.flatMap((wanted) => observed.filter((held) => conflicts(held, wanted)))
  if (remove.length > 0 && !forceAddress) {
    const message = `"${device}" already has an IP address different from ${formatCIDR(add[0]!)}`
    throw fail(message)
  }
  return { add, remove }
}

/** As upstream: IPv4 allows one address, IPv6 any number of disjoint subnets. Link-local ones are the kernel's. */
function conflicts(held: CIDR, wanted: CIDR): boolean {
  const family = familyOf(wanted.address)
  if (familyOf(held.address) !== family) return false
  return (
    family === 4 ||
    cidrContains(networkOf(held), wanted.address) ||
    cidrContains(networkOf(wanted), held.address)
  )
}
