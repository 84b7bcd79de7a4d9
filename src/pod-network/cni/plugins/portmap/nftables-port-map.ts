import type { CIDR } from '#ip/cidr.ts'
import { type Family, familyOf } from '#ip/ip.ts'
import type { ListedRule, NftRules } from '#kernel/nft/rules/model.ts'
import { type Attachment, isValid } from '../../protocol/attachments.ts'
import { deletionsOf, withComment } from '../nft-rules.ts'
import { mappingsOf, type PortmapConfig } from './config.ts'
import type { PortMapOwner } from './plan-iptables-port-map.ts'
import {
  MASQUERADING_CHAIN,
  networkChain,
  PORT_CHAINS,
  PORT_MAP_TABLE,
  planNftablesPortMap,
  SHARED_CHAINS,
  tableOf,
} from './plan-nftables-port-map.ts'

export function addNftablesPortMap(
  rules: NftRules,
  config: PortmapConfig,
  owner: PortMapOwner,
  pods: readonly CIDR[],
): void {
  // What an earlier attempt left goes in the same transaction.
  rules.commit([
    ...deletionsOf(rulesOf(rules, owner)),
    ...pods.flatMap((pod) => planNftablesPortMap(config, owner, pod)),
  ])
}

/** @returns whether there was one */
export function removeNftablesPortMap(rules: NftRules, owner: PortMapOwner): boolean {
  const own = rulesOf(rules, owner)
  rules.commit(deletionsOf(own))
  return own.length > 0
}

/** @returns what is wrong, in upstream's words */
export function checkNftablesPortMap(
  rules: NftRules,
  config: PortmapConfig,
  owner: PortMapOwner,
  { address: pod }: CIDR,
): string | undefined {
  const isV4 = familyOf(pod) === 4
  const held = rulesOf(rules, owner).filter(({ family }) => family === (isV4 ? 'ip' : 'ip6'))
  const count = (chains: readonly string[]) =>
    held.filter(({ chain }) => chains.includes(chain)).length
  if (count(PORT_CHAINS) < mappingsOf(config, pod).length) {
    return 'missing hostport rules in "hostports" chain'
  }
  const masquerading = !config.snat ? 0 : isV4 && !config.masqAll ? 2 : 1
  if (count([MASQUERADING_CHAIN]) < masquerading) {
    return `missing hostport rules in "${MASQUERADING_CHAIN}" chain`
  }
  return undefined
}

/** Whether all is there that leads to the port maps of a family, which CHECK does not ask for. */
export function hasSharedNftablesRules(rules: NftRules, family: Family): boolean {
  return [...SHARED_CHAINS].every(
    ([chain, count]) => rules.list({ ...tableOf(family), chain }).length >= count,
  )
}

/** Removes the port maps of this network's containers that have no attachment. Of those that the reference made it is not known. */
export function collectNftablesPortMaps(
  rules: NftRules,
  networkName: string,
  valid: readonly Attachment[],
): void {
  const all = allRules(rules)
  const stale = new Set(
    all
      .filter(({ chain }) => chain === networkChain(networkName))
      .flatMap(({ comment }) => comment ?? [])
      .filter((containerID) => !isValid(valid, { containerID })),
  )
  rules.commit(deletionsOf(withComment(all, (comment) => stale.has(comment))))
}

function rulesOf(rules: NftRules, { containerID }: PortMapOwner): readonly ListedRule[] {
  return withComment(allRules(rules), (comment) => comment === containerID)
}

function allRules(rules: NftRules): readonly ListedRule[] {
  return (['ip', 'ip6'] as const).flatMap((family) => rules.list({ family, table: PORT_MAP_TABLE }))
}
