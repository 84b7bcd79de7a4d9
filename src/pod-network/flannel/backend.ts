import type { CIDR } from '#ip/cidr.ts'
import type { IP } from '#ip/ip.ts'
import type { Address, FDBEntry, LinkSpec, Neighbour, Route } from '#kernel/netlink/model.ts'
import type { Netns } from '#kernel/netns/netns.ts'
import type { Log } from '#log/log.ts'
import type { CloudPlan } from './cloud/cloud.ts'
import type { ExtensionPlan } from './extension/extension.ts'
import type { Lease, PerFamily } from './lease.ts'

/** This node, as a backend sees it. */
export interface OwnNode {
  readonly name: string
  /** The whole pod network. */
  readonly networks: PerFamily<CIDR>
  /** This node's part of it. */
  readonly subnets: PerFamily<CIDR>
  /** What the other nodes send to; differs from the device's address behind a NAT. */
  readonly publicIPs: PerFamily<IP>
  readonly underlay: {
    readonly device: string
    readonly mtuBytes: number
    readonly addresses: PerFamily<IP>
  }
  /** The way to an address outside of the pod network, by the main routing table. */
  readonly routeTo: (destination: IP) => NextHop | undefined
}

export interface NextHop {
  readonly device: string
  /** Absent: the destination is on the link. */
  readonly gateway?: IP
}

/** Everything of one node's pod network that rtnetlink and sysctls show. What is not planned and ours goes away. */
export interface NodePlan {
  /** Devices that are ours, with all that is on them. */
  readonly links: readonly LinkSpec[]
  readonly addresses: readonly Address[]
  readonly neighbours: readonly Neighbour[]
  readonly fdb: readonly FDBEntry[]
  readonly routes: readonly Route[]
  readonly sysctls: readonly Sysctl[]
  /** For the pods' interfaces. */
  readonly mtuBytes: number
  /** Packets that pass through a process of ours. */
  readonly relay?: RelayPlan
  /** Entries of the table by which the underlay itself routes. */
  readonly cloud?: CloudPlan
  /** What commands are told. */
  readonly extension?: ExtensionPlan
  /** Devices that encrypt. */
  readonly secure?: readonly SecurePlan[]
  /** Nodes that this node cannot reach pods of. */
  readonly refused: readonly Refusal[]
}

/** A TUN device, and the nodes that packets out of it are sent to by UDP. */
export interface RelayPlan {
  readonly device: string
  readonly local: IP
  readonly port: number
  /** Who says that there is no way. */
  readonly from: IP
  readonly routes: readonly { readonly subnet: CIDR; readonly node: IP }[]
}

/** A WireGuard device and the nodes behind it. Keys are base64, as wg(8) prints them. */
export interface SecurePlan {
  readonly device: string
  readonly listenPort: number
  readonly keepaliveSeconds: number
  readonly presharedKey?: string
  readonly peers: readonly {
    readonly publicKey: string
    readonly endpoint: { readonly address: IP; readonly port: number }
    /** What packets of that node may come from. */
    readonly allowed: readonly CIDR[]
  }[]
}

export interface Sysctl {
  readonly name: string
  readonly value: string
}

export interface Refusal {
  readonly node: string
  /** A clause for people, as in "Cannot reach pods of node3: …". */
  readonly why: string
}

/** A way to carry packets between nodes. */
export interface Backend {
  /** As in the annotation `backend-type`; udp writes none there. */
  readonly type: string
  /**
   * What the other nodes must know, by family; a family whose value is `undefined` is not offered.
   * @param published What this node told them earlier, if anything: kept where it can be, for they hold it
   */
  describe(node: OwnNode, published: PerFamily<unknown>): PerFamily<unknown>
  /** Pure. Peers in any order, one for each subnet, all of this backend's type. */
  plan(node: OwnNode, own: PerFamily<unknown>, peers: readonly Lease[]): NodePlan
  /** For backends of which rtnetlink does not show everything. */
  readonly openCarrier?: (host: CarrierHost) => Carrier | Promise<Carrier>
}

/** Does what of a plan is not links, addresses, neighbours, FDB entries, routes and sysctls. */
export interface Carrier extends AsyncDisposable {
  /** Before the rest of the plan is applied. @throws Error: it is tried again */
  commit(plan: NodePlan): void | Promise<void>
  /** At each change of a lease, with all there are then: some live only between two passes. */
  hear?(peers: readonly Lease[]): void
  /** Whether all is as it was committed, where changes of it send no news: asked every second. Absent: they do, or are found later. */
  isRight?(): boolean | Promise<boolean>
}

export interface CarrierHost {
  readonly netns?: Netns
  readonly log: Log
}

export const NO_PLAN: Omit<NodePlan, 'mtuBytes'> = {
  links: [],
  addresses: [],
  neighbours: [],
  fdb: [],
  routes: [],
  sysctls: [],
  refused: [],
}

/** Who made a route: a number that nobody else uses (rt_protos of iproute2; RTPROT_* end at 192, 255 is none). */
export const ROUTE_PROTOCOL = 241

/** Says whose a device is (IFLA_IFALIAS), so that one that no plan has any more is known for ours. */
export const DEVICE_ALIAS = 'fairlead pod-network'
