import type { Node, Service } from '#api/core.ts'
import type { EndpointSlice } from '#api/discovery.ts'
import { type CIDR, cidrContains } from '#ip/cidr.ts'
import { type Family, familyOf, type IP, parseIP } from '#ip/ip.ts'
import { electNode } from './load-balancer/layer2/elect-node.ts'

/** An address that the outside reaches Services by, and which node answers for it: the same on every node that knows the same. */
export interface LoadBalancerAddress {
  readonly ip: IP
  /** `namespace/name` of each Service that has it, sorted. */
  readonly services: readonly string[]
  /** Where traffic may go in: node names, sorted. */
  readonly candidates: readonly string[]
  /** Absent where nobody answers, and then `reason` says why. */
  readonly owner?: string
  readonly reason?: 'no-ready-node' | 'no-local-endpoints'
}

export interface LoadBalancerObjects {
  readonly services: readonly Service[]
  readonly nodes: readonly Node[]
  /** The slices of one Service. */
  readonly slicesOf: (service: Service) => readonly EndpointSlice[]
  /** The node network that the addresses are on: what a node of another one answers is not heard there. Absent: all are on it. */
  readonly networks?: readonly CIDR[]
}

/** The class that Services may name; those that name another's are not ours to announce. */
const OUR_CLASS = 'fairlead.dev/layer2'
const EXCLUDED_NODE = 'node.kubernetes.io/exclude-from-external-load-balancers'

/**
 * Says for each LoadBalancer address which node answers for it, without a leader: all nodes know the same objects and compute the same.
 * Sorted by address. Pure.
 */
export function planLoadBalancerAddresses({
  services,
  nodes,
  slicesOf,
  networks,
}: LoadBalancerObjects): readonly LoadBalancerAddress[] {
  const nodeIPs = new Set(
    nodes.flatMap(({ status }) => (status?.addresses ?? []).map(({ address }) => address)),
  )
  const ready = nodes
    .filter((node) => isReady(node) && (!networks || isWithin(node, networks)))
    .map(({ metadata }) => metadata.name)
  const claims = services
    .filter(isOurs)
    // An address that a node has itself, as k3s's ServiceLB gives out, is answered for already.
    .flatMap((service) => addressesOf(service).map((ip) => ({ ip, service })))
    .filter(({ ip }) => !nodeIPs.has(ip))
  return [...Map.groupBy(claims, ({ ip }) => ip)]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([ip, some]) => {
      const sharing = some.map(({ service }) => service)
      return planAddress(ip, sharing, ready, slicesOf)
    })
}

function planAddress(
  ip: IP,
  services: readonly Service[],
  ready: readonly string[],
  slicesOf: LoadBalancerObjects['slicesOf'],
): LoadBalancerAddress {
  const names = services.map(({ metadata }) => `${metadata.namespace ?? ''}/${metadata.name}`)
  // An address moves as a whole: a node must do for all Services that share it.
  const local = services
    .filter(({ spec }) => spec.externalTrafficPolicy === 'Local')
    .map((service) => nodesWithReadyEndpoint(slicesOf(service), familyOf(ip)))
  const candidates = ready.filter((name) => local.every((some) => some.has(name))).sort()
  const owner = electNode(ip, candidates)
  const base = { ip, services: [...new Set(names)].sort(), candidates }
  if (owner !== undefined) return { ...base, owner }
  return { ...base, reason: ready.length === 0 ? 'no-ready-node' : 'no-local-endpoints' }
}

function isOurs({ metadata, spec }: Service): boolean {
  const { type, loadBalancerClass = OUR_CLASS } = spec
  return (
    type === 'LoadBalancer' &&
    loadBalancerClass === OUR_CLASS &&
    metadata.deletionTimestamp === undefined
  )
}

function addressesOf({ status }: Service): readonly IP[] {
  const ips = (status?.loadBalancer?.ingress ?? [])
    .filter(({ ipMode }) => ipMode !== 'Proxy')
    .map(({ ip }) => parseIP(ip ?? ''))
  return [...new Set(ips)].filter((ip) => ip !== undefined)
}

/** As MetalLB's speaker has it: Ready, with a network, and not excluded by its label. */
function isReady({ metadata, status }: Node): boolean {
  const statusOf = (type: string) => status?.conditions?.find((one) => one.type === type)?.status
  return (
    statusOf('Ready') === 'True' &&
    statusOf('NetworkUnavailable') !== 'True' &&
    metadata.labels?.[EXCLUDED_NODE] === undefined &&
    metadata.deletionTimestamp === undefined
  )
}

function isWithin({ status }: Node, networks: readonly CIDR[]): boolean {
  return (status?.addresses ?? []).some(({ type, address }) => {
    const ip = type === 'InternalIP' ? parseIP(address) : undefined
    return ip !== undefined && networks.some((network) => cidrContains(network, ip))
  })
}

/** An absent condition means ready (discovery/v1). */
function nodesWithReadyEndpoint(
  slices: readonly EndpointSlice[],
  family: Family,
): ReadonlySet<string> {
  return new Set(
    slices
      .filter(({ addressType }) => addressType === `IPv${family}`)
      .flatMap(({ endpoints }) => endpoints ?? [])
      .filter(({ conditions }) => conditions?.ready !== false)
      .flatMap(({ nodeName }) => nodeName ?? []),
  )
}
