import { isDeepStrictEqual } from 'node:util'
import type { Chain, ChainRef, IptablesPlan, Jump, Rule, ServicePlan } from './iptables-plan.ts'
import { CANARY, CANARY_TABLES } from './plan-base.ts'

/** What one script does: whole chains, and the jumps that are missing. */
export interface IptablesChanges {
  /** Emptied, and filled anew; made where they are missing. */
  readonly written: readonly WrittenChain[]
  /** Empty and without references by then. */
  readonly deleted: readonly ChainRef[]
  readonly jumps: readonly Jump[]
  /** Rules of other chains that go to deleted ones. */
  readonly unwanted: readonly SavedRule[]
}

/** As iptables-save showed it. */
export interface SavedRule extends ChainRef {
  readonly args: readonly string[]
}

export interface WrittenChain extends ChainRef {
  readonly rules: readonly Rule[]
}

export function isEmpty({ written, deleted, jumps, unwanted }: IptablesChanges): boolean {
  return written.length + deleted.length + jumps.length + unwanted.length === 0
}

/** All that a plan holds but its jumps: what a full sync writes. */
export function everyChain(plan: IptablesPlan): readonly WrittenChain[] {
  return [
    ...CANARY_TABLES.map((table) => ({ table, chain: CANARY, rules: [] })),
    ...topLevelChains(plan),
    ...[...plan.services.values()].flatMap(({ chains }) => chains.map(ofNat)),
  ]
}

/**
 * The difference of two plans with the same settings (KEP-3453, and beyond: a top-level chain is written only where it differs).
 */
export function diffPlans(before: IptablesPlan, after: IptablesPlan): IptablesChanges {
  const written: WrittenChain[] = []
  const deleted: ChainRef[] = []
  const touched = new Set<string>()
  const compare = (old: ServicePlan | undefined, plan: ServicePlan | undefined) => {
    if (old === plan) return
    if (!isDeepStrictEqual(old?.parts, plan?.parts)) {
      for (const part of [...(old?.parts ?? []), ...(plan?.parts ?? [])]) touched.add(idOf(part))
    }
    const known = new Map(old?.chains.map((chain) => [chain.name, chain]))
    for (const chain of plan?.chains ?? []) {
      if (!isDeepStrictEqual(known.get(chain.name), chain)) written.push(ofNat(chain))
      known.delete(chain.name)
    }
    for (const chain of known.keys()) deleted.push({ table: 'nat', chain })
  }
  for (const [key, plan] of after.services) compare(before.services.get(key), plan)
  for (const [key, old] of before.services) if (!after.services.has(key)) compare(old, undefined)
  if (before.base !== after.base) for (const chain of after.base) touched.add(idOf(chain))
  const topLevel =
    touched.size === 0 ? [] : topLevelChains(after).filter((chain) => touched.has(idOf(chain)))
  return { written: [...topLevel, ...written], deleted, jumps: [], unwanted: [] }
}

/** Each with what the Services put there, in their order. */
function topLevelChains({ base, services }: IptablesPlan): readonly WrittenChain[] {
  const rules = new Map<string, Rule[]>(base.map((chain) => [idOf(chain), [...chain.first]]))
  for (const { parts } of services.values()) {
    for (const part of parts) rules.get(idOf(part))?.push(...part.rules)
  }
  return base.map(({ table, chain, last }) => ({
    table,
    chain,
    rules: [...(rules.get(idOf({ table, chain })) ?? []), ...last],
  }))
}

function idOf({ table, chain }: ChainRef): string {
  return `${table} ${chain}`
}

function ofNat({ name, rules }: Chain): WrittenChain {
  return { table: 'nat', chain: name, rules }
}
