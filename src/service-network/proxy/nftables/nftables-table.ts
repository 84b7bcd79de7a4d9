import type { ServiceModel } from '../../model.ts'
import type { ModeOptions, ModeTable } from '../mode.ts'
import { liveAffinity, toElement } from './affinity.ts'
import { countInvalidPackets } from './count-invalid-packets.ts'
import { diffPlans, isEmpty } from './diff-plans.ts'
import type { NftPlan } from './nft-plan.ts'
import { forEachElement, planProxy } from './plan-proxy.ts'
import type { TableWriter } from './table-writer.ts'
import type { TableWatcher } from './watch-table.ts'

/** Our table in the kernel, in one family. It owns `writer`. */
export function createNftablesTable(
  writer: TableWriter,
  initial: ModeOptions,
  watcher?: TableWatcher,
): ModeTable {
  let options = initial
  let applied: NftPlan | undefined // unknown at first: an earlier process may have left anything
  let current: ServiceModel = new Map()

  function replace(model: ServiceModel): 'replaced' {
    const desired = planProxy(model, options)
    const affinity = liveAffinity(writer.affinity(), model).map(toElement)
    writer.replace(desired, affinity, watcher?.unheard)
    applied = desired
    return 'replaced'
  }

  function change(before: NftPlan, model: ServiceModel): 'nothing' | 'changed' {
    const desired = planProxy(model, options, before)
    const changes = diffPlans(before, desired)
    if (!isEmpty(changes)) writer.change(changes)
    applied = desired
    return isEmpty(changes) ? 'nothing' : 'changed'
  }

  return {
    async sync(model) {
      const before = applied
      applied = undefined // until the kernel has agreed
      current = model
      return before ? change(before, model) : replace(model)
    },
    async isIntact() {
      return applied !== undefined && !watcher?.isTampered() && writer.isIntact(applied)
    },
    doubt() {
      applied = undefined
    },
    setServiceCIDRs(serviceCIDRs) {
      options = { ...options, serviceCIDRs }
      // They change once in a cluster's life: everything is replaced, in one transaction.
      applied = undefined
    },
    async remove() {
      applied = undefined
      writer.remove()
    },
    async counters() {
      return {
        rules: applied ? countOf(applied) : 0,
        invalidPackets: countInvalidPackets(current, writer.invalidPackets()),
      }
    },
    async [Symbol.asyncDispose]() {
      watcher?.[Symbol.dispose]()
      writer[Symbol.dispose]()
    },
  }
}

function countOf(plan: NftPlan): number {
  let count = 0
  for (const { rules } of plan.chains.values()) count += rules.length
  forEachElement(plan, () => count++)
  return count
}
