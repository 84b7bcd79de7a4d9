import { changedServices, type ServiceModel } from '../../model.ts'
import type { ModeOptions } from '../mode.ts'
import type { Chain, Element, NftPlan, ServicePlan } from './nft-plan.ts'
import { planBaseChains, SETS, STATIC_ELEMENTS } from './plan-base.ts'
import { planService } from './plan-service.ts'

/**
 * Plans the whole table. Pure: equal inputs give deep-equal plans.
 *
 * @param previous an earlier plan with the same options: what it says about Services that are the same object is taken over, and its
 *   chains stay. A chain costs nothing, and kernels before 6.2 refuse to delete one in the transaction that deletes the last element
 *   that goes to it.
 */
export function planProxy(model: ServiceModel, options: ModeOptions, previous?: NftPlan): NftPlan {
  const chains = new Map(previous?.chains ?? named(planBaseChains(options)))
  const services = new Map(previous?.services)
  const changed = previous ? changedServices(previous.model, model) : model.keys()
  let isShared = previous === undefined
  for (const key of changed) {
    const service = model.get(key)
    isShared ||= holdsLoadBalancerIP(services.get(key))
    if (service) {
      const planned = planService(service, options)
      for (const chain of planned.chains) chains.set(chain.name, chain)
      services.set(key, planned.plan)
      isShared ||= holdsLoadBalancerIP(planned.plan)
    } else services.delete(key)
  }
  const shared = isShared ? planShared(services) : previous!.shared
  return { options, model, sets: SETS, chains, services, shared }
}

function holdsLoadBalancerIP(plan: ServicePlan | undefined): boolean {
  return plan !== undefined && plan.loadBalancerIPs.length > 0
}

/** The elements that Services may have in common. */
function planShared(services: ReadonlyMap<string, ServicePlan>): readonly Element[] {
  const ips = new Set<Element['key'][number]>()
  for (const { loadBalancerIPs } of services.values()) for (const ip of loadBalancerIPs) ips.add(ip)
  const elements = [...ips].sort().map((ip): Element => ({ set: 'load-balancer-ips', key: [ip] }))
  return [...STATIC_ELEMENTS, ...elements]
}

function named(chains: readonly Chain[]): readonly (readonly [string, Chain])[] {
  return chains.map((chain) => [chain.name, chain])
}
