import { type Family, familyOf } from '#ip/ip.ts'
import { NLM_F_CREATE } from '#wire/netlink/message.ts'
import { CHAIN, HOOK, NFT_MSG, TABLE } from '#wire/netlink/nftables/constants.ts'
import type { MessageWriter } from '#wire/netlink/nftables/message-writer.ts'
import type { Chain, Element, NftPlan } from '../nft-plan.ts'
import { forEachElement } from '../plan-proxy.ts'
import { type PlanChanges, TABLE_NAME } from '../render.ts'
import { ElementBatch, encodeElements } from './encode-elements.ts'
import { encodeRule } from './encode-rule.ts'
import { encodeSet, protocolFamily } from './encode-set.ts'

/** NF_INET_*: include/uapi/linux/netfilter.h. */
const HOOKS = { prerouting: 0, input: 1, forward: 2, output: 3, postrouting: 4 } as const
const NF_ACCEPT = 1

/** The messages that replace the whole table by `plan`, whatever was in it: what `replaceTable()` says in words. */
export function encodeTable(
  writer: MessageWriter,
  plan: NftPlan,
  affinity: readonly Element[] = [],
): void {
  const family = familyOf(plan.options.nodeIP)
  encodeTableMessage(writer, 'add', family)
  encodeTableMessage(writer, 'delete', family)
  encodeTableMessage(writer, 'add', family)
  plan.sets.forEach((set, i) => encodeSet(writer, TABLE_NAME, set, family, i + 1))
  encodeChains(writer, [...plan.chains.values()].sort(byName), family)
  const elements = new ElementBatch('add', family)
  const enter = (element: Element) => elements.enter(element)
  forEachElement(plan, enter)
  affinity.forEach(enter)
  elements.writeTo(writer, TABLE_NAME)
}

/** The messages that make these changes: what `renderChanges()` says in words. */
export function encodeChanges(
  writer: MessageWriter,
  { chains, added, deleted, replaced }: PlanChanges,
  family: Family,
): void {
  encodeChains(writer, chains, family)
  encodeElements(writer, 'add', TABLE_NAME, added, family)
  encodeElements(writer, 'delete', TABLE_NAME, deleted, family)
  encodeElements(writer, 'add', TABLE_NAME, replaced, family)
}

export function encodeRemoval(writer: MessageWriter, family: Family): void {
  encodeTableMessage(writer, 'add', family)
  encodeTableMessage(writer, 'delete', family)
}

function encodeTableMessage(writer: MessageWriter, verb: 'add' | 'delete', family: Family): void {
  const type = verb === 'add' ? NFT_MSG.newTable : NFT_MSG.delTable
  writer.begin(type, verb === 'add' ? NLM_F_CREATE : 0, protocolFamily(family))
  writer.text(TABLE.name, TABLE_NAME)
  if (verb === 'add') writer.u32(TABLE.flags, 0)
  writer.end()
}

/** A chain must be there before a rule goes to it. */
function encodeChains(writer: MessageWriter, chains: readonly Chain[], family: Family): void {
  for (const chain of chains) encodeChain(writer, chain, family)
  for (const { name, rules } of chains)
    for (const rule of rules) encodeRule(writer, TABLE_NAME, name, rule, family)
}

function encodeChain(writer: MessageWriter, { name, base }: Chain, family: Family): void {
  writer.begin(NFT_MSG.newChain, NLM_F_CREATE, protocolFamily(family))
  writer.text(CHAIN.table, TABLE_NAME)
  writer.text(CHAIN.name, name)
  if (base) {
    const hook = writer.beginNested(CHAIN.hook)
    writer.u32(HOOK.number, HOOKS[base.hook])
    writer.u32(HOOK.priority, base.priority)
    writer.endNested(hook)
    writer.text(CHAIN.type, base.type)
    writer.u32(CHAIN.policy, NF_ACCEPT)
  }
  writer.end()
}

function byName(a: Chain, b: Chain): number {
  return a.name < b.name ? -1 : 1
}
