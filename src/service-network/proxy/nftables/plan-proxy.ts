import type { ProxiedService, ServiceModel } from '../../model.ts'
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
  const services = new Map<string, ServicePlan>()
  const loadBalancerIPs = new Set<Element['key'][number]>()
  const planUnlessKnown = (service: ProxiedService, known: ServicePlan | undefined) => {
    if (known?.of === service) return known
    const planned = planService(service, options)
    for (const chain of planned.chains) chains.set(chain.name, chain)
    return planned.plan
  }
  for (const [key, service] of model) {
    const plan = planUnlessKnown(service, previous?.services.get(key))
    services.set(key, plan)
    for (const ip of plan.loadBalancerIPs) loadBalancerIPs.add(ip)
  }
  const shared = [...loadBalancerIPs]
    .sort()
    .map((ip): Element => ({ set: 'load-balancer-ips', key: [ip] }))
  return { options, sets: SETS, chains, services, shared: [...STATIC_ELEMENTS, ...shared] }
}

function named(chains: readonly Chain[]): readonly (readonly [string, Chain])[] {
  return chains.map((chain) => [chain.name, chain])
}
