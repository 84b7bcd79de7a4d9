import type { Service, ServicePort } from '#api/core.ts'
import type { EndpointSlice } from '#api/discovery.ts'
import { type CIDR, cidrContains, networkOf, parseInterfaceAddress } from '#ip/cidr.ts'
import { type Family, familyOf } from '#ip/ip.ts'
import {
  type Ignored,
  MAX_IGNORED,
  type Protocol,
  type ProxiedPort,
  type ProxiedService,
} from '../model.ts'
import { collectEndpoints, isPortNumber } from './collect-endpoints.ts'
import { addressesOf, frontendsOf, type ServiceAddresses } from './frontends.ts'
import type { NodeView } from './node-view.ts'
import { selectEndpoints } from './select-endpoints.ts'

/** core/v1: three hours. */
const DEFAULT_AFFINITY_SECONDS = 10_800
/** Both are for other implementations than kube-proxy (well-known labels). */
const EXCLUDING_LABELS = [
  'service.kubernetes.io/service-proxy-name',
  'service.kubernetes.io/headless',
]
const PROTOCOLS: Readonly<Record<string, Protocol>> = { TCP: 'tcp', UDP: 'udp', SCTP: 'sctp' }

const NONE: readonly Ignored[] = []

/** One Service as this node sees it, whatever other Services hold; `undefined` where there is nothing to do for it. */
export function modelService(
  service: Service,
  slices: readonly EndpointSlice[],
  node: NodeView,
): ProxiedService | undefined {
  if (!isProxied(service)) return
  const ignored: Ignored[] = []
  const ignore = (one: Ignored) => {
    if (ignored.length < MAX_IGNORED) ignored.push(one)
  }
  const addresses = addressesOf(service, node, ignore)
  // A Service without a ClusterIP of the family is not of it: the other family's model has its nodePorts.
  if (!addresses.clusterIP && !ignored.some(({ what }) => what === 'cluster-ip')) return
  // Slices come in the order in which a watch told of them: the model must not depend on that.
  const sorted =
    slices.length < 2
      ? slices
      : slices.toSorted((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))
  const taken = new Set<string>()
  const input = { spec: service.spec, slices: sorted, addresses, taken, node, ignore }
  const ports: ProxiedPort[] = []
  for (const port of service.spec.ports ?? []) {
    const modelled = isPortNumber(port.port) ? modelPort(port, input) : undefined
    if (modelled) ports.push(modelled)
  }
  const { namespace = '', name } = service.metadata
  const healthCheckNodePort = healthCheckNodePortOf(service.spec)
  const modelled: ProxiedService = {
    namespace,
    name,
    ports,
    localReadyAddresses: countLocalReady(ports),
    ignored: ignored.length === 0 ? NONE : ignored,
  }
  return healthCheckNodePort === undefined ? modelled : { ...modelled, healthCheckNodePort }
}

function isProxied({ metadata, spec }: Service): boolean {
  const clusterIP = spec.clusterIPs?.[0] ?? spec.clusterIP ?? ''
  if (spec.type === 'ExternalName' || clusterIP === 'None' || clusterIP === '') return false
  return !EXCLUDING_LABELS.some((label) => metadata.labels?.[label] !== undefined)
}

interface PortInput {
  readonly spec: Service['spec']
  readonly slices: readonly EndpointSlice[]
  readonly addresses: ServiceAddresses
  /** By earlier ports. */
  readonly taken: Set<string>
  readonly node: NodeView
  readonly ignore: (ignored: Ignored) => void
}

function modelPort(port: ServicePort, input: PortInput): ProxiedPort | undefined {
  const { spec, slices, addresses, taken, node, ignore } = input
  const protocol = PROTOCOLS[port.protocol ?? 'TCP']
  if (!protocol) return
  const { name = '' } = port
  const candidates = collectEndpoints({ name, protocol }, slices, node.family, ignore)
  const modelled: ProxiedPort = {
    name,
    protocol,
    port: port.port,
    frontends: frontendsOf(addresses, port, node.nodePortIPs, taken),
    internalTrafficPolicy: spec.internalTrafficPolicy ?? 'Cluster',
    externalTrafficPolicy: spec.externalTrafficPolicy ?? 'Cluster',
    endpoints: selectEndpoints(candidates, node),
  }
  return isPlain(spec) ? modelled : { ...modelled, ...specialties(spec, port, node) }
}

/** Most Services are: ten thousand of them need not be looked at for what they have not. */
function isPlain({ type, sessionAffinity }: Service['spec']): boolean {
  return type === 'ClusterIP' && sessionAffinity !== 'ClientIP'
}

/** What few Services ask for. */
function specialties(
  spec: Service['spec'],
  { nodePort }: ServicePort,
  { family, nodeIP }: NodeView,
): Partial<ProxiedPort> {
  const sourceRanges = sourceRangesOf(spec, family)
  return {
    ...(spec.sessionAffinity === 'ClientIP' && {
      affinityTimeoutSeconds:
        spec.sessionAffinityConfig?.clientIP?.timeoutSeconds ?? DEFAULT_AFFINITY_SECONDS,
    }),
    ...(isPortNumber(nodePort) && spec.type !== 'ClusterIP' && { nodePort }),
    ...(sourceRanges && { sourceRanges }),
    ...(sourceRanges?.some((range) => cidrContains(range, nodeIP)) && {
      allowsVIPAsSource: true as const,
    }),
  }
}

function healthCheckNodePortOf(spec: Service['spec']): number | undefined {
  const { type, externalTrafficPolicy, healthCheckNodePort: port } = spec
  return type === 'LoadBalancer' && externalTrafficPolicy === 'Local' && isPortNumber(port)
    ? port
    : undefined
}

function countLocalReady(ports: readonly ProxiedPort[]): number {
  const hasLocal = ports.some(({ endpoints }) => endpoints.local.length > 0)
  if (!hasLocal) return 0
  const ready = ports.flatMap(({ endpoints }) => (endpoints.localTerminates ? [] : endpoints.local))
  return new Set(ready.map(({ ip }) => ip)).size
}

/**
 * Text that is no network lets nobody in: who asked for a fence must not get an open field. None lies in another, since the kernel
 * refuses elements that overlap.
 */
function sourceRangesOf(
  { type, loadBalancerSourceRanges = [] }: Service['spec'],
  family: Family,
): readonly CIDR[] | undefined {
  if (type !== 'LoadBalancer' || loadBalancerSourceRanges.length === 0) return
  const networks = loadBalancerSourceRanges
    .map((text) => parseInterfaceAddress(text.trim()))
    .filter((network) => network !== undefined)
    .filter(({ address }) => familyOf(address) === family)
    .map(networkOf)
    .sort((a, b) => a.prefixLength - b.prefixLength || (a.address < b.address ? -1 : 1))
  const wide: CIDR[] = []
  for (const network of networks) {
    if (!wide.some((other) => cidrContains(other, network.address))) wide.push(network)
  }
  return wide
}
