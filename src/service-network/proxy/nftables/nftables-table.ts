import { type Family, familyOf } from '#ip/ip.ts'
import type { Nft } from '#kernel/nft/nft.ts'
import type { ServiceModel } from '../../model.ts'
import type { ModeDeps, ModeOptions, ModeTable } from '../mode.ts'
import { type AffinityEntry, parseAffinity, sortAffinity, toElement } from './affinity.ts'
import { changedServices, diffPlans, isEmpty } from './diff-plans.ts'
import type { NftPlan } from './nft-plan.ts'
import { planProxy } from './plan-proxy.ts'
import { NO_CHANGES, renderChanges, replaceTable, tableOf } from './render.ts'

/** A chain and what one of its rules says: gone with the table, and with every kind of flush. */
const CANARY = { chain: 'nat-prerouting', text: 'vmap @services' }
/** An entry may expire between reading and deleting it, and then nothing is deleted. */
const FORGET_ATTEMPTS = 3

/** Our table in the kernel, in one family. It owns `nft`. */
export function createNftablesTable(
  nft: Nft,
  options: ModeOptions,
  { log }: Pick<ModeDeps, 'log'>,
): ModeTable {
  const family = familyOf(options.nodeIP)
  const table = tableOf(family)
  let applied: NftPlan | undefined // unknown at first: an earlier process may have left anything

  function replace(model: ServiceModel): void {
    const desired = planProxy(model, options)
    const { live } = sortAffinity(readAffinity(), model)
    nft.commit(replaceTable(desired, live.map(toElement)))
    applied = desired
  }

  function readAffinity(): readonly AffinityEntry[] {
    try {
      return parseAffinity(nft.read(`list map ${table} affinity`, { json: true }))
    } catch {
      return [] // no table yet, or one that is not as we left it
    }
  }

  /** By now no new client is sent to endpoints that are gone; those that know them must forget them. */
  function forgetStaleAffinity(model: ServiceModel): void {
    for (let attempt = 0; attempt < FORGET_ATTEMPTS; attempt++) {
      const { stale } = sortAffinity(readAffinity(), model)
      if (stale.length === 0) return
      try {
        nft.commit(renderChanges({ ...NO_CHANGES, deleted: stale.map(toElement) }, family))
      } catch (cause) {
        log.info('Cannot delete affinity entries: will look again', { cause })
      }
    }
    // Better all clients choose once more than one of them sticks to a dead endpoint.
    nft.commit(`flush map ${table} affinity\n`)
  }

  function change(before: NftPlan, model: ServiceModel): 'nothing' | 'changed' {
    const desired = planProxy(model, options, before)
    const changes = diffPlans(before, desired)
    if (!isEmpty(changes)) nft.commit(renderChanges(changes, family))
    if (stickyServiceChanged(before, desired)) forgetStaleAffinity(model)
    applied = desired
    return isEmpty(changes) ? 'nothing' : 'changed'
  }

  return {
    async sync(model) {
      const before = applied
      applied = undefined // until the kernel has agreed
      if (before) return change(before, model)
      replace(model)
      return 'replaced'
    },
    async isIntact() {
      if (!applied) return false
      try {
        return nft.read(`list chain ${table} ${CANARY.chain}`).includes(CANARY.text)
      } catch {
        return false
      }
    },
    doubt() {
      applied = undefined
    },
    async remove() {
      applied = undefined
      removeTable(nft, family)
    },
    async counters() {
      return { rules: applied ? countOf(applied) : 0 }
    },
    async [Symbol.asyncDispose]() {
      nft[Symbol.dispose]()
    },
  }
}

/** Also where there is none. */
export function removeTable(nft: Nft, family: Family): void {
  const table = tableOf(family)
  nft.commit(`add table ${table}\ndelete table ${table}\n`)
}

function countOf({ chains, services, shared }: NftPlan): number {
  let count = shared.length
  for (const { rules } of chains.values()) count += rules.length
  for (const { elements } of services.values()) count += elements.length
  return count
}

/** Then clients may know an endpoint that is gone. */
function stickyServiceChanged(before: NftPlan, after: NftPlan): boolean {
  const isSticky = (plan: NftPlan, key: string) =>
    plan.services.get(key)?.of.ports.some((port) => port.affinityTimeoutSeconds !== undefined)
  return [...changedServices(before, after).keys()].some(
    (key) => isSticky(before, key) || isSticky(after, key),
  )
}
