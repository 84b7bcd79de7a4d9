import type { CIDR } from '#ip/cidr.ts'
import { cidrContains, formatCIDR } from '#ip/cidr.ts'
import type { IP } from '#ip/ip.ts'
import type { Route, Rtnetlink } from '#kernel/netlink/model.ts'
import { applyPlan, type NodeKernel } from './apply-plan.ts'
import {
  type Backend,
  type Carrier,
  type NodePlan,
  type OwnNode,
  ROUTE_PROTOCOL,
} from './backend.ts'
import { FAMILIES, type Lease, mapFamilies, type PerFamily } from './lease.ts'
import type { LeaseAttributes, SubnetManager } from './leases/subnet-manager.ts'
import { findNextHop } from './next-hop.ts'
import { selectPeers } from './select-peers.ts'

export interface ReconcileOptions {
  readonly nodeName: string
  /** This node's addresses on the network that joins the nodes. */
  readonly nodeIPs: PerFamily<IP>
  /** What the others send to, where that is not `nodeIPs`. */
  readonly publicIPs?: PerFamily<IP>
  /** The whole pod network. */
  readonly networks: PerFamily<CIDR>
  /** Whether what no pod of this node has is dropped here, not sent on by the default route. */
  readonly blackhole?: boolean
}

export interface Reconciled {
  readonly node: OwnNode
  readonly peers: readonly Lease[]
  readonly plan: NodePlan
  readonly attributes: LeaseAttributes
  /** Whether the backend asked for the way to other nodes. */
  readonly dependsOnRoutes: boolean
  /** What had to be done in the kernel. */
  readonly changes: readonly string[]
  readonly failures: readonly Error[]
}

/** One pass: this node's lease, the plan that follows from all leases, and the kernel made so. `undefined`: it has no subnet yet. */
export async function reconcile(
  backend: Backend,
  carrier: Carrier | undefined,
  leases: SubnetManager,
  kernel: NodeKernel,
  options: ReconcileOptions,
): Promise<Reconciled | undefined> {
  const { nodeName, networks, nodeIPs } = options
  const ways = waysOf(kernel.rtnetlink)
  const base: Omit<OwnNode, 'subnets'> = {
    name: nodeName,
    networks,
    publicIPs: { ...nodeIPs, ...options.publicIPs, ...leases.givenAddresses() },
    underlay: findUnderlay(kernel.rtnetlink, nodeIPs),
    routeTo: ways.to,
  }
  const data = backend.describe({ ...base, subnets: {} }, leases.published(backend.type))
  const publicIPs = mapFamilies(data, (_, family) => base.publicIPs[family])
  const attributes = { backendType: backend.type, publicIPs, data }
  const subnets = await leases.acquire(attributes)
  if (!subnets) return undefined
  const node: OwnNode = { ...base, subnets: subnetsWithin(networks, subnets) }
  const selected = selectPeers(leases.peers(), node, backend.type)
  const forwarding = withForwarding(backend.plan(node, data, selected.peers), node)
  const plan = options.blackhole ? withBlackholes(forwarding, node) : forwarding
  await carrier?.commit(plan)
  const { changes, failures } = applyPlan(plan, kernel)
  return {
    node,
    peers: selected.peers,
    plan: { ...plan, refused: [...selected.refused, ...plan.refused] },
    attributes,
    dependsOnRoutes: ways.isAsked(),
    changes: changes.map((change) => change.do),
    failures,
  }
}

/** Without it no packet passes from a pod to another node. */
function withForwarding(plan: NodePlan, { subnets }: OwnNode): NodePlan {
  const names = { 4: 'net.ipv4.ip_forward', 6: 'net.ipv6.conf.all.forwarding' }
  const forwarding = FAMILIES.filter((family) => subnets[family])
  const sysctls = forwarding.map((family) => ({ name: names[family], value: '1' }))
  return { ...plan, sysctls: [...plan.sysctls, ...sysctls] }
}

/** Behind every other route: flanneld's own stand in the way of a bridge's. */
const LAST_METRIC = 0xffff_ffff

/** flanneld's --ip-blackhole-route, for nodes whose pods have routes of their own and no bridge. */
function withBlackholes(plan: NodePlan, { subnets }: OwnNode): NodePlan {
  const routes = FAMILIES.flatMap((family): readonly Route[] => {
    const destination = subnets[family]
    if (!destination) return []
    const route = { family, destination, type: 'blackhole', priority: LAST_METRIC } as const
    // Every route of IPv6 has a device.
    return [{ ...route, protocol: ROUTE_PROTOCOL, ...(family === 6 && { device: 'lo' }) }]
  })
  return { ...plan, routes: [...plan.routes, ...routes] }
}

/** @throws Error with flannel's words where the node was given a subnet of another network (pkg/subnet/kube/kube.go, AcquireLease) */
function subnetsWithin(networks: PerFamily<CIDR>, subnets: PerFamily<CIDR>): PerFamily<CIDR> {
  return mapFamilies(subnets, (subnet, family) => {
    const network = networks[family]
    if (!network) return undefined
    if (network.prefixLength <= subnet.prefixLength && cidrContains(network, subnet.address))
      return subnet
    throw new Error(
      `subnet "${formatCIDR(network)}" specified in the flannel net config doesn't contain "${formatCIDR(subnet)}" PodCIDR`,
    )
  })
}

/** The device that the node's own addresses are on: the first family's. */
function findUnderlay(rtnetlink: Rtnetlink, nodeIPs: PerFamily<IP>): OwnNode['underlay'] {
  const held = new Map(
    rtnetlink.addresses().map(({ address, device }) => [address.address, device]),
  )
  const wanted = FAMILIES.flatMap((family) => nodeIPs[family] ?? [])
  const device = wanted.map((ip) => held.get(ip)).find((it) => it !== undefined)
  const link = device === undefined ? undefined : rtnetlink.link(device)
  if (!link)
    throw new Error(`Cannot find the device of node address ${wanted.join(', ')}: no link has it`)
  return {
    device: link.name,
    mtuBytes: link.mtuBytes,
    addresses: mapFamilies(nodeIPs, (ip) => (held.get(ip) === link.name ? ip : undefined)),
  }
}

/** Listed at the first question: most backends ask none. */
function waysOf(rtnetlink: Rtnetlink) {
  let routes: ReturnType<Rtnetlink['routes']> | undefined
  const to: OwnNode['routeTo'] = (destination) => {
    routes ??= rtnetlink.routes()
    return findNextHop(routes, destination)
  }
  return { to, isAsked: () => routes !== undefined }
}
