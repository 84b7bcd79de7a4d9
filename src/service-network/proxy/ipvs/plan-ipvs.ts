import { familyOf, type IP } from '#ip/ip.ts'
import { IPVS_FLAG, type IPVSDestination, type IPVSService } from '#wire/netlink/ipvs.ts'
import type { Frontend, ProxiedPort, ProxiedService, ServiceModel } from '../../model.ts'
import type { Chains } from '../chains/rule.ts'
import type { ModeOptions } from '../mode.ts'
import { IP_SETS, type SetName } from './ip-sets.ts'
import { planIPVSChains } from './plan-chains.ts'
import { type AddEntry, addFrontendEntries, addPortEntries } from './plan-entries.ts'

/** What the kernel shall hold in ipvs mode (k/k pkg/proxy/ipvs/proxier.go). */
export interface IPVSPlan {
  /** On the device `kube-ipvs0`, so that the node takes packets to them for its own, which is where IPVS finds them. */
  readonly addresses: ReadonlySet<IP>
  /** By {@link serviceKey}. */
  readonly services: ReadonlyMap<string, VirtualService>
  readonly sets: ReadonlyMap<SetName, ReadonlySet<string>>
  readonly chains: Chains
}

export interface VirtualService {
  readonly service: IPVSService
  /** By {@link destinationKey}. */
  readonly destinations: ReadonlyMap<string, IPVSDestination>
}

export const DEVICE = 'kube-ipvs0'
export const DEFAULT_SCHEDULER = 'rr'

export function planIPVS(model: ServiceModel, options: ModeOptions): IPVSPlan {
  const family = familyOf(options.nodeIP)
  const sets = new Map<SetName, Set<string>>(IP_SETS.map(({ name }) => [name, new Set()]))
  const add: AddEntry = (set, entry) => void sets.get(set)?.add(entry)
  const addresses = new Set<IP>()
  const services = new Map<string, VirtualService>()
  /** Load balancers' addresses that the node itself may not use. */
  const closedToNode: ProxiedFrontend[] = []
  for (const service of model.values()) {
    if (service.healthCheckNodePort !== undefined) {
      add('KUBE-HEALTH-CHECK-NODE-PORT', `${service.healthCheckNodePort}`)
    }
    for (const port of service.ports) {
      addPortEntries(port, add)
      for (const frontend of port.frontends) {
        addFrontendEntries(port, frontend, add)
        if (isClosedToNode(port, frontend)) closedToNode.push({ service, port, frontend })
        if (frontend.kind !== 'NodePort' && frontend.ip !== options.nodeIP) {
          addresses.add(frontend.ip)
          add('KUBE-IPVS-IPS', frontend.ip)
        }
        const virtual = planVirtualService(port, frontend, options)
        services.set(serviceKey(virtual.service), virtual)
      }
    }
  }
  const chains = planIPVSChains({ sets, closedToNode, options, family })
  return { addresses, services, sets, chains }
}

export interface ProxiedFrontend {
  readonly service: ProxiedService
  readonly port: ProxiedPort
  readonly frontend: Frontend
}

function isClosedToNode(port: ProxiedPort, { kind }: Frontend): boolean {
  return kind === 'LoadBalancer' && port.sourceRanges !== undefined && !port.allowsVIPAsSource
}

function planVirtualService(
  port: ProxiedPort,
  { kind, ip, port: number }: Frontend,
  { ipvs }: ModeOptions,
): VirtualService {
  const { scheduler = DEFAULT_SCHEDULER } = ipvs ?? {}
  const { affinityTimeoutSeconds } = port
  const isSticky = affinityTimeoutSeconds !== undefined
  const flags =
    (isSticky ? IPVS_FLAG.persistent : 0) | (scheduler === 'mh' ? IPVS_FLAG.hashPorts : 0)
  const { protocol } = port
  return {
    service: { protocol, ip, port: number, scheduler, flags, timeout: affinityTimeoutSeconds ?? 0 },
    destinations: new Map(
      destinationsOf(port, kind).map((endpoint) => {
        const destination = { ip: endpoint.ip, port: endpoint.port, weight: 1 }
        return [destinationKey(destination), destination]
      }),
    ),
  }
}

/**
 * One set of destinations for all clients. Under externalTrafficPolicy Local, pods of this node may use all endpoints (k/k#97081), but where
 * some are local everybody gets those; where none is, a rule keeps the outside away.
 */
function destinationsOf({ endpoints, ...port }: ProxiedPort, kind: Frontend['kind']) {
  if (kind === 'ClusterIP') {
    return port.internalTrafficPolicy === 'Local' ? endpoints.local : endpoints.cluster
  }
  const isLocal = port.externalTrafficPolicy === 'Local' && endpoints.local.length > 0
  return isLocal ? endpoints.local : endpoints.cluster
}

export function serviceKey({
  protocol,
  ip,
  port,
}: Pick<IPVSService, 'protocol' | 'ip' | 'port'>): string {
  return `${protocol} ${ip} ${port}`
}

export function destinationKey({ ip, port }: Pick<IPVSDestination, 'ip' | 'port'>): string {
  return `${ip} ${port}`
}
