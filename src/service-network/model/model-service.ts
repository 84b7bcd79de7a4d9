import type { Service, ServicePort } from '#api/core.ts'
import type { EndpointSlice } from '#api/discovery.ts'
import { type CIDR, cidrContains, networkOf, parseInterfaceAddress } from '#ip/cidr.ts'
import { type Family, familyOf } from '#ip/ip.ts'
import {
  type Frontend,
  type Ignored,
  MAX_IGNORED,
  type Protocol,
  type ProxiedPort,
  type ProxiedService,
  type ServiceModelOptions,
} from '../model.ts'
import { collectEndpoints, isPortNumber } from './collect-endpoints.ts'
import { addressesOf, frontendsOf } from './frontends.ts'
import { selectNodePortIPs } from './node-port-addresses.ts'
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
  options: ServiceModelOptions,
): ProxiedService | undefined {
  if (!isProxied(service)) return
  const ignored: Ignored[] = []
  const ignore = (one: Ignored) => {
    if (ignored.length < MAX_IGNORED) ignored.push(one)
  }
  const addresses = addressesOf(service, options, ignore)
  // A Service without a ClusterIP of the family is not of it: the other family's model has its nodePorts.
  if (!addresses.clusterIP && !ignored.some(({ what }) => what === 'cluster-ip')) return
  // Slices come in the order in which a watch told of them: the model must not depend on that.
  const sorted =
    slices.length < 2
      ? slices
      : slices.toSorted((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))
  const taken = new Set<string>()
  const nodePortIPs = selectNodePortIPs(options)
  const frontends = (port: ServicePort) => frontendsOf(addresses, port, nodePortIPs, taken)
  const ports = (service.spec.ports ?? [])
    .filter(({ port }) => isPortNumber(port))
    .map((port) => modelPort({ service, port, slices: sorted, frontends, options, ignore }))
    .filter((port) => port !== undefined)
  const { namespace = '', name } = service.metadata
  const healthCheckNodePort = healthCheckNodePortOf(service.spec)
  const localReadyAddresses = countLocalReady(ports)
  return {
    namespace,
    name,
    ports,
    ...(healthCheckNodePort !== undefined && { healthCheckNodePort }),
    localReadyAddresses,
    ignored: ignored.length === 0 ? NONE : ignored,
  }
}

function isProxied({ metadata, spec }: Service): boolean {
  const clusterIP = spec.clusterIPs?.[0] ?? spec.clusterIP ?? ''
  if (spec.type === 'ExternalName' || clusterIP === 'None' || clusterIP === '') return false
  return !EXCLUDING_LABELS.some((label) => metadata.labels?.[label] !== undefined)
}

interface PortInput {
  readonly service: Service
  readonly port: ServicePort
  readonly slices: readonly EndpointSlice[]
  readonly frontends: (port: ServicePort) => readonly Frontend[]
  readonly options: ServiceModelOptions
  readonly ignore: (ignored: Ignored) => void
}

function modelPort(input: PortInput): ProxiedPort | undefined {
  const { service, port, slices, frontends, options, ignore } = input
  const { spec } = service
  const protocol = PROTOCOLS[port.protocol ?? 'TCP']
  if (!protocol) return
  const { name = '' } = port
  const family = familyOf(options.nodeIP)
  const candidates = collectEndpoints({ name, protocol }, slices, family, ignore)
  const sourceRanges = sourceRangesOf(spec, family)
  return {
    name,
    protocol,
    port: port.port,
    frontends: frontends(port),
    internalTrafficPolicy: spec.internalTrafficPolicy ?? 'Cluster',
    externalTrafficPolicy: spec.externalTrafficPolicy ?? 'Cluster',
    ...(spec.sessionAffinity === 'ClientIP' && {
      affinityTimeoutSeconds:
        spec.sessionAffinityConfig?.clientIP?.timeoutSeconds ?? DEFAULT_AFFINITY_SECONDS,
    }),
    ...(isPortNumber(port.nodePort) && spec.type !== 'ClusterIP' && { nodePort: port.nodePort }),
    ...(sourceRanges && { sourceRanges }),
    ...(sourceRanges?.some((range) => cidrContains(range, options.nodeIP)) && {
      allowsVIPAsSource: true as const,
    }),
    endpoints: selectEndpoints(candidates, options),
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
