import { hash as digest } from 'node:crypto'
import { type CIDR, cidr, networkOf } from '#ip/cidr.ts'
import { familyOf } from '#ip/ip.ts'
import type { ListedRule, NftChange, NftRules, Rule } from '#kernel/nft/rules/model.ts'
import type { Attachment } from '../../protocol/attachments.ts'
import type { CNICall } from '../../protocol/cni-call.ts'
import { deletionsOf, withComment } from '../nft-rules.ts'
import type { PluginHost } from '../plugin.ts'

/*
 * The option ipMasq, in the reference plugins' own table and form (pkg/ip/ipmasq_nftables_linux.go), so that either can remove
 * what the other added: a rule an address, found again by the hash that its comment begins with.
 */

const TABLE = { family: 'inet', table: 'cni_plugins_masquerade' } as const
const CHAIN = 'masq_checks'
const MULTICAST = [cidr('224.0.0.0/4'), cidr('ff00::/8')]
/** NF_IP_PRI_NAT_SRC. */
const SRCNAT = 100
/** NFTNL_UDATA_COMMENT_MAXLEN: what nft(8) takes. */
const MAX_COMMENT_BYTES = 128

type Owner = Pick<CNICall, 'networkName' | 'ifname' | 'containerID'>

/** The rules for `addresses`. Adding what exists changes nothing; the jump is made anew each time, as it cannot be looked up by name. */
export function planMasquerade(owner: Owner, addresses: readonly CIDR[]): readonly NftChange[] {
  const entry = (rule: Rule): NftChange => ({
    ...{ change: 'add rule', ...TABLE, chain: 'postrouting', ...rule },
  })
  return [
    { change: 'add table', ...TABLE },
    { change: 'add chain', ...TABLE, chain: CHAIN },
    {
      ...{ change: 'add chain', ...TABLE, chain: 'postrouting' },
      hook: { type: 'nat', hook: 'postrouting', priority: SRCNAT },
    },
    { change: 'flush chain', ...TABLE, chain: 'postrouting' },
    ...MULTICAST.map((network) =>
      entry({ when: [{ is: 'daddr', in: network }], verdict: { do: 'return' } }),
    ),
    entry({ verdict: { do: 'goto', chain: CHAIN } }),
    ...addresses.map(
      (address): NftChange => ({
        ...{ change: 'add rule', ...TABLE, chain: CHAIN },
        when: [
          { is: 'saddr', in: hostOf(address) },
          { is: 'daddr', in: networkOf(address), not: true },
        ],
        verdict: { do: 'masquerade' },
        comment: commentOf(owner),
      }),
    ),
  ]
}

function hostOf({ address }: CIDR): CIDR {
  return { address, prefixLength: familyOf(address) === 4 ? 32 : 128 }
}

export function addMasquerade(rules: NftRules, owner: Owner, addresses: readonly CIDR[]): void {
  rules.commit([...deletionsOf(rulesOf(rules, owner)), ...planMasquerade(owner, addresses)])
}

/** A rule for each address, and the way to them. */
export function hasMasquerade(
  { nft, rules }: Pick<PluginHost, 'nft' | 'rules'>,
  owner: Owner,
  addresses: readonly CIDR[],
): boolean {
  if (rulesOf(rules, owner).length !== addresses.length) return false
  return nft.read(`list chain inet ${TABLE.table} postrouting`).includes('goto masq_checks')
}

/** By hash: neither the namespace nor the addresses need to be known any more. */
export function removeMasquerade(rules: NftRules, owner: Owner): void {
  rules.commit(deletionsOf(rulesOf(rules, owner)))
}

/** The rules of `network` whose owner is none of `valid`. */
export function collectMasquerade(
  rules: NftRules,
  network: string,
  valid: readonly Attachment[],
): void {
  const keep = new Set(valid.map((attachment) => hashOf({ networkName: network, ...attachment })))
  const isStale = (comment: string) =>
    comment.startsWith(`${hash(network)}-`) && !keep.has(comment.slice(0, HASH_CHARACTERS * 2 + 1))
  rules.commit(deletionsOf(withComment(rules.list(TABLE), isStale)))
}

function rulesOf(rules: NftRules, owner: Owner): readonly ListedRule[] {
  const own = hashOf(owner)
  return withComment(rules.list({ ...TABLE, chain: CHAIN }), (comment) => comment.startsWith(own))
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
  return digest('sha512', text).slice(0, HASH_CHARACTERS)
}
