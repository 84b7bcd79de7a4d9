import type { CIDR } from '#ip/cidr.ts'
import type { IP } from '#ip/ip.ts'
import type { MAC } from '#ip/mac.ts'
import type { Netns } from '../netns/netns.ts'

/** What to create with RTM_NEWLINK. */
export type LinkSpec = LinkSettings & { readonly name: string } & (
    | { readonly kind: 'bridge'; readonly vlanFiltering?: boolean }
    | { readonly kind: 'dummy' | 'ifb' | 'wireguard' }
    /** IPv4 in IPv4 to any receiver: routes say which. */
    | { readonly kind: 'ipip'; readonly local: IP }
    /** Only to be set up: a TUN device is made by the program that its packets go to (tun/open-tun.ts). */
    | { readonly kind: 'tun' }
    | {
        readonly kind: 'macvlan'
        readonly device: string
        readonly mode: MacvlanMode
        /** Broadcasts that may wait for the ports; absent: the kernel's choice. */
        readonly broadcastQueueLength?: number
      }
    | { readonly kind: 'ipvlan'; readonly device: string; readonly mode: IpvlanMode }
    | { readonly kind: 'vlan'; readonly device: string; readonly vlanID: number }
    | { readonly kind: 'vrf'; readonly table: number }
    | {
        readonly kind: 'veth'
        readonly peer: LinkSettings & { readonly name: string }
      }
    | {
        readonly kind: 'vxlan'
        readonly vni: number
        readonly port: number
        readonly local: IP
        readonly device: string
        readonly learning: boolean
        /** Group based policy: the packet's mark travels in the header. */
        readonly gbp?: boolean
      }
  )

export type MacvlanMode = 'private' | 'vepa' | 'bridge' | 'passthru'
export type IpvlanMode = 'l2' | 'l3' | 'l3s'

export interface LinkSettings {
  /** The namespace to be born in, or to move to; the name must be free in both. */
  readonly netns?: Netns
  readonly allMulticast?: boolean
  /** In packets. */
  readonly txQueueLength?: number
  readonly mtuBytes?: number
  readonly mac?: MAC
  /** Name of the bridge to join. */
  readonly master?: string
  readonly up?: boolean
  readonly promiscuous?: boolean
  /** Whether it asks for, and answers, MAC addresses. */
  readonly arp?: boolean
  /** IFLA_IFALIAS. */
  readonly alias?: string
}

/** A link as the kernel shows it. */
export interface Link {
  readonly index: number
  readonly name: string
  readonly kind?: string
  readonly mtuBytes: number
  readonly mac?: MAC
  readonly up: boolean
  /** Whether packets pass: up, with a carrier, and, for a bridge's port, forwarding (IF_OPER_UP). */
  readonly operUp?: true
  readonly promiscuous?: true
  readonly noARP?: true
  readonly masterIndex?: number
  /** For a veth: its peer's index (in the peer's namespace). */
  readonly peerIndex?: number
  /** For a veth whose peer is in another namespace: its number there is in this one (`link-netnsid` of ip(8)). */
  readonly peerNetnsID?: number
  /** For a link on top of another one (macvlan, ipvlan, vlan): that one's index, maybe in another namespace. */
  readonly deviceIndex?: number
  /** How many want to see all packets; a bridge's port is wanted so by its bridge. */
  readonly promiscuity?: number
  readonly allMulticast?: boolean
  readonly txQueueLength?: number
  readonly macvlanMode?: MacvlanMode
  readonly ipvlanMode?: IpvlanMode
  readonly vlanID?: number
  /** Of an ipip tunnel. */
  readonly local?: IP
  /** Of a vrf. */
  readonly table?: number
  readonly alias?: string
  /** For a bridge's port: whether a frame may go out where it came in. */
  readonly hairpin?: boolean
  /** For a bridge's port: whether it is cut off from other isolated ports. */
  readonly isolated?: boolean
  /** For a bridge. */
  readonly vlanFiltering?: boolean
  readonly vxlan?: {
    readonly vni: number
    readonly port: number
    readonly local?: IP
    readonly deviceIndex?: number
    readonly learning: boolean
    readonly gbp?: boolean
  }
}

export interface Address {
  readonly device: string
  readonly address: CIDR
  readonly scope?: number
  /** IPv6, when it is added: let the kernel ask first whether somebody else has it, where the link's sysctls say so too. */
  readonly detectDuplicates?: boolean
  /** IPv6, as it is shown: not to be used yet. */
  readonly tentative?: true
  /** IPv6, as it is shown: somebody else has it. */
  readonly duplicate?: true
}

/** A route of the main table unless `table` says otherwise. `destination` absent is the default route. */
export interface Route {
  readonly family: 4 | 6
  readonly destination?: CIDR
  readonly gateway?: IP
  readonly device?: string
  readonly source?: IP
  readonly scope?: 'universe' | 'link' | 'host'
  readonly onlink?: boolean
  readonly type?: 'unicast' | 'unreachable' | 'blackhole' | 'prohibit' | 'local'
  readonly table?: number
  /** Route protocol number (RTPROT_*): who made it. */
  readonly protocol?: number
  /** The metric: the lowest wins. */
  readonly priority?: number
  readonly mtuBytes?: number
  readonly advertisedMSS?: number
}

/** A rule of policy routing: packets of `source` look in `table`. */
export interface RoutingRule {
  readonly family: 4 | 6
  readonly source?: CIDR
  readonly table: number
  /** Rules are asked from the lowest on; absent: before all but that of the local table. */
  readonly priority?: number
}

/** A queue of a link. `other` is only ever listed. */
export type Qdisc = { readonly device: string } & (
  | {
      readonly kind: 'tbf'
      readonly rateBytesPerSecond: number
      /** What may leave at once. As listed it is rounded: the kernel keeps it as a time. */
      readonly burstBytes: number
      /** What may wait. */
      readonly limitBytes: number
    }
  | { readonly kind: 'ingress' }
  | { readonly kind: 'other' }
)

/** Everything that comes in by `device` goes out by `target` instead. */
export interface IngressRedirect {
  readonly device: string
  readonly target: string
}

/** `mac` absent with `proxy` set is a proxy entry: the link answers ARP for `ip`. */
export interface Neighbour {
  readonly device: string
  readonly ip: IP
  readonly mac?: MAC
  readonly proxy?: boolean
  readonly state?: 'permanent' | 'reachable' | 'stale' | 'failed' | 'noarp' | 'other'
}

export interface FDBEntry {
  readonly device: string
  readonly mac: MAC
  /** The remote VTEP. */
  readonly destination?: IP
  readonly permanent?: boolean
}

/** A VLAN of a bridge's port: filtered by where the bridge has `vlanFiltering`. */
export interface BridgeVLAN {
  readonly device: string
  readonly vid: number
  /** Frames that come in without a tag are of this VLAN. */
  readonly pvid?: boolean
  /** Frames go out without a tag. */
  readonly untagged?: boolean
}

/** rtnetlink in one network namespace: each call is one request and its acknowledgement. @throws KernelError */
export interface Rtnetlink extends Disposable {
  links(): readonly Link[]
  link(name: string): Link | undefined
  /** Whether there is a link of that name, for a tenth of what {@link link} costs. */
  hasLink(name: string): boolean
  addLink(spec: LinkSpec): Link
  setLink(
    name: string,
    settings: LinkSettings & {
      readonly name?: string
      readonly hairpin?: boolean
      readonly isolated?: boolean
      /** Of a bridge. */
      readonly vlanFiltering?: boolean
      readonly noMaster?: boolean
    },
  ): void
  /** Resolves `false` where there was none. */
  deleteLink(name: string): boolean

  /** All, or those of one link; none where there is no such link. */
  addresses(options?: { readonly device?: string }): readonly Address[]
  /** Idempotent. IPv6 addresses skip duplicate address detection. */
  replaceAddress(address: Address): void
  deleteAddress(address: Address): boolean

  /** Of the main table unless `table` says otherwise. */
  routes(options?: { readonly table?: number | 'all' }): readonly Route[]
  /** Which link a packet of this machine to `address` leaves by, by all rules and tables; `undefined` where none leads there. */
  deviceTo(address: IP): string | undefined
  replaceRoute(route: Route): void
  deleteRoute(route: Route): boolean

  rules(): readonly RoutingRule[]
  addRule(rule: RoutingRule): void
  deleteRule(rule: RoutingRule): boolean

  qdiscs(): readonly Qdisc[]
  /** Of the link's root, or for `ingress` of what comes in. @throws KernelError EEXIST, also EINVAL for `other` */
  addQdisc(qdisc: Qdisc): void
  /** With the filters of it. Resolves `false` where there was none. */
  deleteQdisc(qdisc: { readonly device: string; readonly kind: 'root' | 'ingress' }): boolean
  ingressRedirects(device: string): readonly IngressRedirect[]
  /** Needs an ingress qdisc. */
  addIngressRedirect(redirect: IngressRedirect): void

  neighbours(): readonly Neighbour[]
  replaceNeighbour(neighbour: Neighbour): void
  deleteNeighbour(neighbour: Neighbour): boolean

  fdb(): readonly FDBEntry[]
  replaceFDBEntry(entry: FDBEntry): void
  deleteFDBEntry(entry: FDBEntry): boolean

  /** Of all ports; none where the kernel has no VLAN filtering. */
  bridgeVLANs(): readonly BridgeVLAN[]
  addBridgeVLAN(vlan: BridgeVLAN): void
  deleteBridgeVLAN(vlan: Pick<BridgeVLAN, 'device' | 'vid'>): void
}
