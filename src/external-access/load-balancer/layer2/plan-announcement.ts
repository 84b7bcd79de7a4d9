import { familyOf, type IP } from '#ip/ip.ts'
import type { Address, Neighbour, Route } from '#kernel/netlink/model.ts'

/** Marks our routes, so that those of an earlier process are found again. Free in /etc/iproute2/rt_protos. */
export const ROUTE_PROTOCOL = 230

export interface AnnouncementOptions {
  /** The link to the node network. */
  readonly device: string
  /** Any other link. */
  readonly podDevice: string
  /**
   * The node's own addresses, one a family: as whom the node itself speaks to the address, which source ranges may name. Else it would be
   * the link's.
   */
  readonly nodeIPs?: readonly IP[]
}

/**
 * What makes this node answer for an address that no interface has: the kernel answers ARP for a proxy neighbour if it would route
 * the address out of another link than the question came in by (arp_process() in net/ipv4/arp.c), and neighbour solicitations where
 * `proxy_ndp` and forwarding are on (ndisc_recv_ns() in net/ipv6/ndisc.c). So nothing on the node can listen on the address by
 * accident, and none of the node's own ports is open there.
 *
 * In ipvs mode the address is every node's own, on `kube-ipvs0`. With strictARP (arp_ignore 1) a node answers for what the link itself
 * holds, so there the elected one has it on the link too. IPv6 takes the proxy neighbour all the same: it looks at the link's own only.
 */
export interface Announcement {
  readonly route: Route
  readonly neighbour: Neighbour
  readonly address: Address
}

export function planAnnouncement(
  ip: IP,
  { device, podDevice, nodeIPs = [] }: AnnouncementOptions,
): Announcement {
  const family = familyOf(ip)
  const source = nodeIPs.find((one) => familyOf(one) === family)
  const destination = { address: ip, prefixLength: family === 4 ? 32 : 128 }
  return {
    route: {
      family,
      destination,
      device: podDevice,
      // IPv6 has no scopes of routes.
      ...(family === 4 && { scope: 'link' }),
      ...(source && { source }),
      protocol: ROUTE_PROTOCOL,
    },
    neighbour: { device, ip, proxy: true },
    address: { device, address: destination },
  }
}

export interface AnnouncementChanges {
  readonly start: readonly IP[]
  readonly stop: readonly IP[]
  /** To be put on the link, and to be taken away from it, beside what `start` and `stop` say. */
  readonly hold: readonly IP[]
  readonly release: readonly IP[]
}

interface Observed {
  /** Ours. */
  readonly routes: readonly Route[]
  readonly neighbours: readonly Neighbour[]
  readonly addresses: readonly Address[]
}

/** Compares with what the kernel shows. A half one (a neighbour or a route alone) is started again. */
export function diffAnnouncements(
  desired: readonly IP[],
  observed: Observed,
  options: AnnouncementOptions,
): AnnouncementChanges {
  const { device, podDevice } = options
  const routed = new Set(
    observed.routes
      .filter((route) => route.device === podDevice)
      .filter(({ destination, source }) => {
        const ip = destination?.address
        return ip !== undefined && source === planAnnouncement(ip, options).route.source
      })
      .map(({ destination }) => destination?.address),
  )
  const answered = new Set(
    observed.neighbours
      .filter((neighbour) => neighbour.proxy && neighbour.device === device)
      .map(({ ip }) => ip),
  )
  const held = new Set(observed.routes.flatMap(({ destination }) => destination?.address ?? []))
  const onLink = new Set<IP>()
  const elsewhere = new Set<IP>()
  for (const { device: holder, address } of observed.addresses)
    (holder === device ? onLink : elsewhere).add(address.address)
  const isHeldByLink = (ip: IP) => familyOf(ip) === 4 && elsewhere.has(ip) && desired.includes(ip)
  return {
    hold: desired.filter((ip) => isHeldByLink(ip) && !onLink.has(ip)),
    release: [...held].filter((ip) => onLink.has(ip) && !isHeldByLink(ip)),
    start: desired.filter((ip) => !routed.has(ip) || !answered.has(ip)),
    stop: [...held].filter((ip) => !desired.includes(ip)),
  }
}
