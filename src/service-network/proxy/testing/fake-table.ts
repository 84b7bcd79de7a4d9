import { cidr, cidrsOverlap } from '#ip/cidr.ts'
import type { Element, NftPlan } from '../nftables/nft-plan.ts'
import { elementsOf } from '../nftables/plan-proxy.ts'
import { type PlanChanges, renderElementKey, renderElementValue } from '../nftables/render.ts'

/** A table that keeps objects and refuses what the kernel refuses: a key twice, a deletion of nothing, a jump to no chain. */
export interface FakeTable {
  replace(plan: NftPlan): void
  commit(changes: PlanChanges): void
  /** `set key : value` of each element. */
  elements(): ReadonlySet<string>
}

export function createFakeTable(): FakeTable {
  let chains = new Set<string>()
  let elements = new Map<string, string>()

  function add(element: Element): void {
    const key = keyOf(element)
    if (elements.has(key)) throw new Error(`EEXIST ${key}`)
    for (const other of elements.keys())
      if (overlaps(element, other)) throw new Error(`EEXIST ${key} overlaps ${other}`)
    const { value } = element
    if (value?.kind === 'goto' && !chains.has(value.chain)) throw new Error(`ENOENT ${value.chain}`)
    elements.set(key, value ? renderElementValue(value) : '')
  }

  return {
    replace(plan) {
      elements = new Map()
      chains = new Set(plan.chains.keys())
      for (const element of elementsOf(plan)) add(element)
    },
    commit({ chains: newChains, added, deleted, replaced }) {
      for (const { name } of newChains) {
        if (chains.has(name)) throw new Error(`EEXIST ${name}`)
        chains.add(name)
      }
      added.forEach(add)
      for (const element of deleted) {
        if (!elements.delete(keyOf(element))) throw new Error(`ENOENT ${keyOf(element)}`)
      }
      replaced.forEach(add)
    },
    elements: () => new Set([...elements].map(([key, value]) => `${key} : ${value}`)),
  }
}

/** Whether the last parts of two keys are networks that overlap, and the rest is equal. */
function overlaps(element: Element, other: string): boolean {
  const network = element.key.at(-1)
  if (typeof network !== 'object') return false
  const own = keyOf(element)
  const at = own.lastIndexOf(' ')
  return other.startsWith(own.slice(0, at + 1)) && cidrsOverlap(network, cidr(other.slice(at + 1)))
}

function keyOf(element: Element): string {
  return `${element.set} ${renderElementKey(element)}`
}
