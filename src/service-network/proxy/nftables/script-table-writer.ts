import type { Family } from '#ip/ip.ts'
import type { Nft } from '#kernel/nft/nft.ts'
import type { Element, NftPlan, NftSet, Rule, SetName } from './nft-plan.ts'
import { type PlanChanges, renderChanges, replaceTable, tableOf } from './render.ts'
import type { TableWriter } from './table-writer.ts'

/** A chain and what one of its rules says: gone with the table, and with every kind of flush. */
const CANARY = { chain: 'nat-prerouting', text: 'vmap @services' }

/**
 * Writes nft(8)'s words: what there is where Node cannot make system calls. nft 1.0.6 has no words for two look-ups of more than 16 bytes in
 * a row (it aborts), so here clients remember endpoints themselves, and all of them are forgotten where one leaves a Service. It owns `nft`.
 */
export function createScriptTableWriter(nft: Nft, family: Family): TableWriter {
  const table = tableOf(family)
  return {
    replace: (plan) => nft.commit(replaceTable(withoutChoices(plan))),
    change(changes) {
      const forgets = changes.deleted.some(({ set }) => set.startsWith('chosen-'))
      const script = renderChanges(changesWithoutChoices(changes), family)
      nft.commit(forgets ? `${script}flush map ${table} affinity\n` : script)
    },
    remove: () => nft.commit(`add table ${table}\ndelete table ${table}\n`),
    affinity: () => [],
    invalidPackets: () => [],
    isIntact() {
      try {
        return nft.read(`list chain ${table} ${CANARY.chain}`).includes(CANARY.text)
      } catch {
        return false
      }
    },
    [Symbol.dispose]: () => nft[Symbol.dispose](),
  }
}

function isOfChoices(set: SetName): boolean {
  return set === 'affinity-choices' || set.startsWith('chosen-')
}

function withoutChoices(plan: NftPlan): NftPlan {
  const chains = new Map(
    [...plan.chains].map(([name, chain]) => [
      name,
      { ...chain, rules: chain.rules.flatMap(ruleWithoutChoice) },
    ]),
  )
  const sets = plan.sets.filter(({ name }) => !isOfChoices(name)).map(setWithoutChoice)
  return { ...plan, sets, chains }
}

function changesWithoutChoices(changes: PlanChanges): PlanChanges {
  return {
    chains: changes.chains.map((chain) => ({
      ...chain,
      rules: chain.rules.flatMap(ruleWithoutChoice),
    })),
    added: elementsWithoutChoices(changes.added),
    deleted: elementsWithoutChoices(changes.deleted),
    replaced: elementsWithoutChoices(changes.replaced),
  }
}

function elementsWithoutChoices(elements: readonly Element[]): readonly Element[] {
  return elements.filter(({ set }) => !isOfChoices(set))
}

function setWithoutChoice(set: NftSet): NftSet {
  return set.name === 'affinity' ? { ...set, value: ['ip daddr', 'th dport'] } : set
}

function ruleWithoutChoice(rule: Rule): readonly Rule[] {
  const { do: statement } = rule
  switch (statement.kind) {
    case 'choose': {
      const { key, map } = statement
      return map === 'affinity' ? [{ ...rule, do: { kind: 'dnat-map', key, map } }] : []
    }
    case 'forget-choice':
    case 'delete':
      return []
    case 'dnat-map':
      return isOfChoices(statement.map) ? [] : [rule]
    case 'update':
      return [{ ...rule, do: { ...statement, value: ['ip daddr', 'th dport'] } }]
    default:
      return [rule]
  }
}
