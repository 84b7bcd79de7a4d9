import type { IP } from '#ip/ip.ts'
import type { ProxiedService, ServiceModel } from '../../model.ts'
import { namesOf } from './chain-names.ts'
import type { IptablesPlan, ServicePlan, Settings } from './iptables-plan.ts'
import { planBase, planJumps } from './plan-base.ts'
import { planClassicPort } from './plan-classic-service.ts'
import { union } from './plan-endpoints.ts'
import { planPort } from './plan-service.ts'

/** k/k pkg/proxy/iptables: largeClusterEndpointsThreshold. */
const LARGE_CLUSTER_ENDPOINTS = 1000

/**
 * Plans all rules of the mode. Pure: equal inputs give deep-equal plans, Services sorted by their key.
 *
 * @param previous an earlier plan with the same settings: what it says about Services that are the same object is taken over
 */
export function planProxy(
  model: ServiceModel,
  settings: Settings,
  previous?: IptablesPlan,
): IptablesPlan {
  const known = (key: string, service: ProxiedService) => {
    const plan = previous?.services.get(key)
    return plan?.of === service ? plan : undefined
  }
  let endpoints = 0
  for (const [key, service] of model) {
    endpoints += known(key, service)?.endpoints ?? countEndpoints(service)
  }
  const isLarge = endpoints > LARGE_CLUSTER_ENDPOINTS
  const services = new Map<string, ServicePlan>()
  for (const key of sortedKeys(model, previous)) {
    const service = model.get(key)!
    const plan = known(key, service)
    services.set(key, plan?.isLarge === isLarge ? plan : planService(service, settings, isLarge))
  }
  const nodePortIPs = settings.choosesNodePortIPs ? nodePortIPsOf(model) : undefined
  const isSame = previous && `${previous.nodePortIPs}` === `${nodePortIPs}`
  return {
    settings,
    base: isSame ? previous.base : planBase(settings, nodePortIPs),
    nodePortIPs,
    jumps: previous?.jumps ?? planJumps(settings),
    services,
    isLarge,
  }
}

function planService(service: ProxiedService, settings: Settings, isLarge: boolean): ServicePlan {
  const plans = service.ports.map((port) => {
    const names = namesOf(service, port, settings)
    const { healthCheckNodePort } = service
    const context = { port, names, settings, isLarge, healthCheckNodePort }
    return settings.layout === 'classic' ? planClassicPort(context) : planPort(context)
  })
  return {
    of: service,
    endpoints: countEndpoints(service),
    isLarge,
    parts: plans.flatMap(({ parts }) => parts),
    chains: plans.flatMap(({ chains }) => chains),
  }
}

/** The model has each nodePort at each of them. */
function nodePortIPsOf(model: ServiceModel): readonly IP[] {
  const ips = new Set<IP>()
  for (const { ports } of model.values()) {
    for (const { frontends } of ports) {
      for (const { kind, ip } of frontends) if (kind === 'NodePort') ips.add(ip)
    }
  }
  return [...ips].sort()
}

function countEndpoints({ ports }: ProxiedService): number {
  let count = 0
  for (const { endpoints } of ports) {
    const { cluster, local, draining } = endpoints
    count += union(cluster, local).length + draining.length
  }
  return count
}

/** Sorting ten thousand keys costs more than all else; mostly they are those of before. */
function sortedKeys(model: ServiceModel, previous: IptablesPlan | undefined): readonly string[] {
  if (previous?.services.size === model.size) {
    const keys = [...previous.services.keys()]
    if (keys.every((key) => model.has(key))) return keys
  }
  return [...model.keys()].sort()
}
