import type { IP } from '#ip/ip.ts'
import { changedServices, type ServiceModel } from '../../model.ts'
import type { ModeOptions } from '../mode.ts'
import type { Chain, Element, NftPlan } from './nft-plan.ts'
import { planBaseChains } from './plan-base.ts'
import { loadBalancerIPsOf, type PlanSink, planService } from './plan-service.ts'
import { SETS, STATIC_ELEMENTS } from './sets.ts'

/**
 * Plans the whole table. Pure: equal inputs give deep-equal plans.
 *
 * @param previous an earlier plan with the same options: only Services that changed since are looked at, and its chains stay. A chain
 *   costs nothing, and kernels before 6.2 refuse to delete one in the transaction that deletes the last element that goes to it.
 */
export function planProxy(model: ServiceModel, options: ModeOptions, previous?: NftPlan): NftPlan {
  const chains = new Map(previous?.chains ?? named(planBaseChains(options)))
  const changed = previous ? changedServices(previous.model, model) : model.keys()
  const hasLoadBalancerIP = (some: ServiceModel, key: string) =>
    loadBalancerIPsOf(some.get(key)).length > 0
  let shared = previous?.shared
  const sink: PlanSink = { chain: (chain) => chains.set(chain.name, chain) }
  for (const key of changed) {
    const service = model.get(key)
    if (service) planService(service, options, sink)
    if (previous && (hasLoadBalancerIP(previous.model, key) || hasLoadBalancerIP(model, key)))
      shared = undefined
  }
  return { options, model, sets: SETS, chains, shared: shared ?? planShared(model) }
}

/** The elements of all Services, one Service after the other, and those that Services share. */
export function forEachElement(
  { model, options, shared }: NftPlan,
  call: (element: Element) => void,
): void {
  const sink: PlanSink = { element: call }
  for (const service of model.values()) planService(service, options, sink)
  shared.forEach(call)
}

/** All of them. */
export function elementsOf(plan: NftPlan): readonly Element[] {
  const elements: Element[] = []
  forEachElement(plan, (element) => elements.push(element))
  return elements
}

/** The elements that Services may have in common. */
function planShared(model: ServiceModel): readonly Element[] {
  const ips = new Set<IP>()
  for (const service of model.values()) for (const ip of loadBalancerIPsOf(service)) ips.add(ip)
  const elements = [...ips].sort().map((ip): Element => ({ set: 'load-balancer-ips', key: [ip] }))
  return [...STATIC_ELEMENTS, ...elements]
}

function named(chains: readonly Chain[]): readonly (readonly [string, Chain])[] {
  return chains.map((chain) => [chain.name, chain])
}
