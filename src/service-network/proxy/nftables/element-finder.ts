import { cidrContains } from '#ip/cidr.ts'
import { type IP, ip } from '#ip/ip.ts'
import type { Element, NftPlan, SetName } from './nft-plan.ts'
import { elementsOf } from './plan-proxy.ts'
import { renderElementKey } from './render.ts'

/** Looks a key up in a set or map, as the kernel does. */
export type ElementFinder = (
  set: SetName,
  values: readonly (IP | string | number)[],
) => Element | undefined

export function createElementFinder(plan: NftPlan): ElementFinder {
  const all = elementsOf(plan)
  const byKey = new Map(all.map((one) => [`${one.set} ${renderElementKey(one)}`, one]))
  const intervals = new Set(plan.sets.filter(({ interval }) => interval).map(({ name }) => name))
  return (set, values) =>
    intervals.has(set)
      ? all.find((element) => element.set === set && covers(element, values))
      : byKey.get(`${set} ${values.join(' . ')}`)
}

/** Whether the last part of the key, a network, holds the last of the values. */
function covers({ key }: Element, values: readonly (string | number)[]): boolean {
  const network = key.at(-1)
  const address = values.at(-1)
  if (typeof network !== 'object' || typeof address !== 'string') return false
  return (
    key.slice(0, -1).join() === values.slice(0, -1).join() && cidrContains(network, ip(address))
  )
}
