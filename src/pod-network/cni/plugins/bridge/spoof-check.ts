import type { MAC } from '#ip/mac.ts'
import { KernelError } from '#kernel/kernel-error.ts'
import { formatChanges } from '#kernel/nft/rules/format-changes.ts'
import type { CNICall } from '../../protocol/cni-call.ts'
import { fail } from '../../protocol/cni-error.ts'
import { deletionsOf, withComment } from '../nft-rules.ts'
import type { PluginHost } from '../plugin.ts'

/*
 * The option macspoofchk, in the reference plugin's own table and form (pkg/link/spoofcheck.go): what a pod's port sends under another
 * MAC address than the pod's is dropped before the bridge learns from it.
 */

const TABLE = { family: 'bridge', table: 'nat' } as const

type Host = Pick<PluginHost, 'nft' | 'rules'>
type Owner = Pick<CNICall, 'containerID' | 'ifname'>

/** nft(8) text. */
export function planSpoofCheck(owner: Owner, port: string, mac: MAC): string {
  const [chain, macChain] = chainsOf(owner)
  const comment = `comment "${commentOf(owner)}"`
  return `add table bridge nat
add chain bridge nat PREROUTING { type filter hook prerouting priority -300; policy accept; }
add chain bridge nat ${chain}
add chain bridge nat ${macChain}
flush chain bridge nat ${chain}
flush chain bridge nat ${macChain}
add rule bridge nat PREROUTING iifname "${port}" jump ${chain} ${comment}
add rule bridge nat ${chain} jump ${macChain} ${comment}
add rule bridge nat ${macChain} ether saddr ${mac} return ${comment}
add rule bridge nat ${macChain} drop ${comment}
`
}

export function addSpoofCheck(host: Host, owner: Owner, port: string, mac: MAC): void {
  removeSpoofCheck(host, owner)
  host.nft.commit(planSpoofCheck(owner, port, mac))
}

/** By the rules that tell whose they are: one jump, and three in its chains. */
export function hasSpoofCheck({ rules }: Host, owner: Owner): boolean {
  const held = withComment(rules.list(TABLE), (comment) => comment === commentOf(owner))
  return held.length === 4
}

/** Idempotent. */
export function removeSpoofCheck({ nft, rules }: Host, owner: Owner): void {
  const held = rules.list({ ...TABLE, chain: 'PREROUTING' })
  const jumps = withComment(held, (comment) => comment === commentOf(owner))
  const chains = chainsOf(owner).map((chain) => `delete chain bridge nat ${chain}\n`)
  try {
    nft.commit(formatChanges(deletionsOf(jumps)) + chains.join(''))
  } catch (error) {
    if (!(error instanceof KernelError && error.errno === 'ENOENT')) throw error
  }
}

/** The second is jumped to from the first, so it goes after it. @throws CNIError for an interface whose name is no word of nft(8) */
function chainsOf(owner: Owner): readonly [string, string] {
  const { containerID, ifname } = owner
  const chain = `cni-br-iface-${containerID}-${ifname}`
  if (/^[\w.-]+$/.test(ifname)) return [chain, `${chain}-mac`]
  throw fail(
    `Cannot set up macspoofchk: interface ${JSON.stringify(ifname)} cannot be part of a chain's name`,
  )
}

function commentOf({ containerID, ifname }: Owner): string {
  return `macspoofchk-${containerID}-${ifname}`
}
