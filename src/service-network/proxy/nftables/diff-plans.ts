import { changedServices } from '../../model.ts'
import type { Element, NftPlan } from './nft-plan.ts'
import { elementsOfService } from './plan-service.ts'
import { type PlanChanges, renderElementKey, renderElementValue } from './render.ts'

/**
 * What turns `applied` into `desired`, which was planned from it (`planProxy(model, options, applied)`). Costs what changed. Chains are
 * only added.
 */
export function diffPlans(applied: NftPlan, desired: NftPlan): PlanChanges {
  const before = new Map<string, Element>()
  const after = new Map<string, Element>()
  for (const key of changedServices(applied.model, desired.model)) {
    enter(before, elementsAt(applied, key))
    enter(after, elementsAt(desired, key))
  }
  if (applied.shared !== desired.shared) {
    enter(before, applied.shared)
    enter(after, desired.shared)
  }

  const added: Element[] = []
  const deleted: Element[] = []
  const replaced: Element[] = []
  for (const [key, element] of after) {
    const old = before.get(key)
    // A network may overlap one that goes: those that go first.
    if (!old) (isInterval(element) ? replaced : added).push(element)
    else if (!hasEqualValue(old, element)) {
      deleted.push(old)
      replaced.push(element)
    }
  }
  for (const [key, element] of before) if (!after.has(key)) deleted.push(element)
  const chains = [...desired.chains.values()].filter(({ name }) => !applied.chains.has(name))
  return { chains, added, deleted, replaced }
}

export function isEmpty({ chains, added, deleted, replaced }: PlanChanges): boolean {
  return chains.length + added.length + deleted.length + replaced.length === 0
}

function elementsAt({ model, options }: NftPlan, key: string): readonly Element[] {
  const service = model.get(key)
  return service ? elementsOfService(service, options) : []
}

function isInterval({ key }: Element): boolean {
  return typeof key.at(-1) === 'object'
}

function enter(elements: Map<string, Element>, some: readonly Element[]): void {
  for (const element of some) elements.set(`${element.set} ${renderElementKey(element)}`, element)
}

function hasEqualValue(a: Element, b: Element): boolean {
  return (a.value && renderElementValue(a.value)) === (b.value && renderElementValue(b.value))
}
