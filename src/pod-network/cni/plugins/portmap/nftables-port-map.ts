import type { CIDR } from '#ip/cidr.ts'
import { familyOf } from '#ip/ip.ts'
import type { Nft } from '#kernel/nft/nft.ts'
import { type Attachment, isValid } from '../../protocol/attachments.ts'
import { type CommentedRule, deleteRules, listCommentedRules } from '../nft-rules.ts'
import { mappingsOf, type PortmapConfig } from './config.ts'
import type { PortMapOwner } from './plan-iptables-port-map.ts'
import {
  MASQUERADING_CHAIN,
  networkChain,
  PORT_CHAINS,
  PORT_MAP_TABLE,
  planNftablesPortMap,
} from './plan-nftables-port-map.ts'

export function addNftablesPortMap(
  nft: Nft,
  config: PortmapConfig,
  owner: PortMapOwner,
  pods: readonly CIDR[],
): void {
  const script = pods.map((pod) => planNftablesPortMap(config, owner, pod)).join('')
  // What an earlier attempt left goes in the same transaction.
  nft.commit(deleteRules(rulesOf(nft, owner)) + script)
}

/** @returns whether there was one */
export function removeNftablesPortMap(nft: Nft, owner: PortMapOwner): boolean {
  const rules = rulesOf(nft, owner)
  if (rules.length > 0) nft.commit(deleteRules(rules))
  return rules.length > 0
}

/** @returns what is wrong, in upstream's words */
export function checkNftablesPortMap(
  nft: Nft,
  config: PortmapConfig,
  owner: PortMapOwner,
  { address: pod }: CIDR,
): string | undefined {
  const isV4 = familyOf(pod) === 4
  const held = rulesOf(nft, owner).filter(({ family }) => family === (isV4 ? 'ip' : 'ip6'))
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

/** Removes the port maps of this network's containers that have no attachment. Of those that the reference made it is not known. */
export function collectNftablesPortMaps(
  nft: Nft,
  networkName: string,
  valid: readonly Attachment[],
): void {
  const rules = allRules(nft)
  const stale = new Set(
    rules
      .filter(({ chain }) => chain === networkChain(networkName))
      .map(({ comment }) => comment)
      .filter((containerID) => !isValid(valid, { containerID })),
  )
  const own = rules.filter(({ comment }) => stale.has(comment))
  if (own.length > 0) nft.commit(deleteRules(own))
}

function rulesOf(nft: Nft, { containerID }: PortMapOwner): readonly CommentedRule[] {
  return allRules(nft).filter(({ comment }) => comment === containerID)
}

function allRules(nft: Nft): readonly CommentedRule[] {
  return (['ip', 'ip6'] as const).flatMap((family) =>
    listCommentedRules(nft, { family, table: PORT_MAP_TABLE }),
  )
}
