import { createHash } from 'node:crypto'
import { type CIDR, formatCIDR, networkOf } from '#ip/cidr.ts'
import { familyOf } from '#ip/ip.ts'
import type { Nft } from '#kernel/nft/nft.ts'
import type { Attachment } from '../../protocol/attachments.ts'
import type { CNICall } from '../../protocol/cni-call.ts'
import { deleteRules, listCommentedRules } from '../nft-rules.ts'

/*
 * The option ipMasq, in the reference plugins' own table and form (pkg/ip/ipmasq_nftables_linux.go), so that either can remove
 * what the other added: a rule an address, found again by the hash that its comment begins with.
 */

const TABLE = { family: 'inet', table: 'cni_plugins_masquerade' } as const
/** NFTNL_UDATA_COMMENT_MAXLEN: what nft(8) takes. */
const MAX_COMMENT_BYTES = 128

type Owner = Pick<CNICall, 'networkName' | 'ifname' | 'containerID'>

/** nft(8) text of the rules for `addresses`. Adding what exists changes nothing; the jump is made anew each time, as it cannot be looked up by name. */
export function planMasquerade(owner: Owner, addresses: readonly CIDR[]): string {
  const rules = addresses.map((address) => {
    const ip = familyOf(address.address) === 4 ? 'ip' : 'ip6'
    const beyond = `${ip} daddr != ${formatCIDR(networkOf(address))}`
    return `add rule inet ${TABLE.table} masq_checks ${ip} saddr ${address.address} ${beyond} masquerade comment "${commentOf(owner)}"\n`
  })
  return `add table inet ${TABLE.table}
add chain inet ${TABLE.table} masq_checks
add chain inet ${TABLE.table} postrouting { type nat hook postrouting priority srcnat; }
flush chain inet ${TABLE.table} postrouting
add rule inet ${TABLE.table} postrouting ip daddr 224.0.0.0/4 return
add rule inet ${TABLE.table} postrouting ip6 daddr ff00::/8 return
add rule inet ${TABLE.table} postrouting goto masq_checks
${rules.join('')}`
}

export function addMasquerade(nft: Nft, owner: Owner, addresses: readonly CIDR[]): void {
  nft.commit(deleteRules(rulesOf(nft, owner)) + planMasquerade(owner, addresses))
}

/** A rule for each address, and the way to them. */
export function hasMasquerade(nft: Nft, owner: Owner, addresses: readonly CIDR[]): boolean {
  if (rulesOf(nft, owner).length !== addresses.length) return false
  return nft.read(`list chain inet ${TABLE.table} postrouting`).includes('goto masq_checks')
}

/** By hash: neither the namespace nor the addresses need to be known any more. */
export function removeMasquerade(nft: Nft, owner: Owner): void {
  const rules = rulesOf(nft, owner)
  if (rules.length > 0) nft.commit(deleteRules(rules))
}

/** The rules of `network` whose owner is none of `valid`. */
export function collectMasquerade(nft: Nft, network: string, valid: readonly Attachment[]): void {
  const keep = new Set(valid.map((attachment) => hashOf({ networkName: network, ...attachment })))
  const stale = listCommentedRules(nft, TABLE).filter(
    ({ comment }) =>
      comment.startsWith(`${hash(network)}-`) &&
      !keep.has(comment.slice(0, HASH_CHARACTERS * 2 + 1)),
  )
  if (stale.length > 0) nft.commit(deleteRules(stale))
}

function rulesOf(nft: Nft, owner: Owner) {
  return listCommentedRules(nft, TABLE).filter(({ comment }) => comment.startsWith(hashOf(owner)))
}

/** Names were checked when the call was parsed; an ifname may hold a quotation mark. */
function commentOf(owner: Owner): string {
  const { networkName, ifname, containerID } = owner
  const text = `${hashOf(owner)}, net: ${networkName}, if: ${ifname}, id: ${containerID}`
  return text.replaceAll(/["\\\n]/g, '').slice(0, MAX_COMMENT_BYTES)
}

function hashOf({ networkName, ifname, containerID }: Owner): string {
  return `${hash(networkName)}-${hash(`${ifname}:${containerID}`)}`
}

const HASH_CHARACTERS = 16

function hash(text: string): string {
  return createHash('sha512').update(text).digest('hex').slice(0, HASH_CHARACTERS)
}
