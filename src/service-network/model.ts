import type { Service } from '#api/core.ts'
import type { EndpointSlice } from '#api/discovery.ts'
import type { CIDR } from '#ip/cidr.ts'
import type { IP } from '#ip/ip.ts'
import type { NodePortAddresses } from './model/node-port-addresses.ts'
import { createServiceIndex } from './model/service-index.ts'

export { changedServices } from './model/changed-services.ts'
export {
  type NodePortAddresses,
  opensLocalhost,
  parseNodePortAddresses,
  selectNodePortIPs,
} from './model/node-port-addresses.ts'
export { createServiceIndex, type ServiceIndex } from './model/service-index.ts'

/**
 * Services as one node sees them: what every proxy mode is compiled from, and what DNS, trace and doctor ask. Of one IP family, that
 * of the node's address; a dual-stack node has two models. By `namespace/name`, in no particular order.
 */
export type ServiceModel = ReadonlyMap<string, ProxiedService>

/** A Service that has virtual addresses: no headless one, no ExternalName, none that another proxy serves. */
export interface ProxiedService {
  readonly namespace: string
  readonly name: string
  readonly ports: readonly ProxiedPort[]
  /** Where load balancers ask whether this node has endpoints; for `externalTrafficPolicy: Local`. */
  readonly healthCheckNodePort?: number
  /** Addresses of ready endpoints on this node, whatever the port: what such an answer counts. */
  readonly localReadyAddresses: number
  /** What the Service or its slices ask for and do not get. At most {@link MAX_IGNORED}. */
  readonly ignored: readonly Ignored[]
}

export interface ProxiedPort {
  /** Empty for the only port of a Service, which needs none. */
  readonly name: string
  readonly protocol: Protocol
  readonly port: number
  /** Open on the addresses that `nodePortAddresses` chooses: each of those is a frontend, too. */
  readonly nodePort?: number
  /** Where clients knock. */
  readonly frontends: readonly Frontend[]
  readonly internalTrafficPolicy: TrafficPolicy
  readonly externalTrafficPolicy: TrafficPolicy
  /** For `sessionAffinity: ClientIP`. */
  readonly affinityTimeoutSeconds?: number
  /** Who may use the load balancer's addresses; everybody when absent. */
  readonly sourceRanges?: readonly CIDR[]
  /**
   * Whether the load balancer's own addresses may be the source, too: where this node may use it, and a load balancer hands packets on
   * with its address on the node's loopback.
   */
  readonly allowsVIPAsSource?: true
  readonly endpoints: SelectedEndpoints
}

export type Protocol = 'tcp' | 'udp' | 'sctp'
export type TrafficPolicy = 'Cluster' | 'Local'

/** One address and port of a {@link ProxiedPort}. No two Services hold the same: the older one has it. */
export interface Frontend {
  readonly kind: 'ClusterIP' | 'NodePort' | 'LoadBalancer' | 'ExternalIP'
  readonly ip: IP
  readonly port: number
}

export interface ProxiedEndpoint {
  readonly ip: IP
  readonly port: number
  /** Absent in hand-made slices. */
  readonly nodeName?: string
}

/** Each sorted by address, as text. Empty is a verdict (reject or drop), not an omission. */
export interface SelectedEndpoints {
  readonly cluster: readonly ProxiedEndpoint[]
  readonly local: readonly ProxiedEndpoint[]
  /** The local ones only stand in: all of them terminate. */
  readonly localTerminates?: true
  /** Still serve what flows, and get nothing new: terminating ones, and those that hints keep away. */
  readonly draining: readonly ProxiedEndpoint[]
}

export interface Ignored {
  readonly what: 'endpoint' | 'cluster-ip' | 'load-balancer-ip' | 'external-ip' | 'frontend'
  readonly value: string
  readonly reason: IgnoredReason
}

export type IgnoredReason =
  | AddressFault
  | 'duplicate'
  | 'port-out-of-range'
  | 'held-by-older-service'

export type AddressFault =
  | 'not-an-address'
  | 'not-canonical'
  | 'wrong-family'
  | 'unspecified'
  | 'loopback'
  | 'link-local'
  | 'not-unicast'

/** A hostile slice can have a thousand endpoints; their reasons need not fill the memory. */
export const MAX_IGNORED = 100

export interface ServiceModelOptions {
  readonly nodeName: string
  /** The node's primary address; its family is the model's. */
  readonly nodeIP: IP
  /** All addresses of the node, for {@link nodePortAddresses}; only the primary one by default. */
  readonly nodeAddresses?: readonly IP[]
  /** On which of them nodePorts are open: the primary one by default, as kube-proxy's nftables mode has it. */
  readonly nodePortAddresses?: NodePortAddresses
  /** `topology.kubernetes.io/zone` of the node. */
  readonly zone?: string
  /** Off by default: whoever may write Services could take over any address with them (CVE-2020-8554). */
  readonly allowExternalIPs?: boolean
}

/** The model of complete lists. Pure; whoever hears of single changes keeps a {@link createServiceIndex} instead. */
export function planServiceModel(
  services: readonly Service[],
  slices: readonly EndpointSlice[],
  options: ServiceModelOptions,
): ServiceModel {
  const index = createServiceIndex(options)
  for (const service of services) index.setService(service)
  for (const slice of slices) index.setSlice(slice)
  return index.model()
}
