import type { CIDR } from '#ip/cidr.ts'
import { familyOf, ipToBytes } from '#ip/ip.ts'
import { NLM_F_APPEND, NLM_F_CREATE } from '#wire/netlink/message.ts'
import { encodeComment, MAX_COMMENT_BYTES } from '#wire/netlink/nftables/comment.ts'
import {
  CHAIN,
  HOOK,
  NFPROTO,
  NFT_MSG,
  REG32_00,
  RULE,
  TABLE,
} from '#wire/netlink/nftables/constants.ts'
import * as expressions from '#wire/netlink/nftables/expressions.ts'
import type { MessageWriter } from '#wire/netlink/nftables/message-writer.ts'
import type { Match, NftChange, Verdict } from './model.ts'

/** NF_INET_*: include/uapi/linux/netfilter.h. */
const HOOKS = { prerouting: 0, output: 3, postrouting: 4 } as const
/** Where addresses lie in the IP header: RFC 791 section 3.1, RFC 8200 section 3. */
const ADDRESS_OFFSET = { 4: { saddr: 12, daddr: 16 }, 6: { saddr: 8, daddr: 24 } } as const
const PROTOCOL = { tcp: 6, udp: 17, sctp: 132 } as const
/** Of TCP, UDP and SCTP alike. */
const DESTINATION_PORT_OFFSET = 2
/** NFT_REG_1 and NFT_REG_2, of 16 bytes each. */
const [FIRST, SECOND] = [REG32_00, REG32_00 + 4]

/** Whether {@link writeChanges} has messages for all of it; what it has none for, nft(8) has words. */
export function canWrite(changes: readonly NftChange[]): boolean {
  return changes.every((change) => {
    const { comment = '' } = change as { readonly comment?: string }
    if (Buffer.byteLength(comment) > MAX_COMMENT_BYTES) return false
    return !('verdict' in change) || (change.when ?? []).every(isWritable)
  })
}

function isWritable(match: Match): boolean {
  return match.is !== 'words' && !('in' in match && match.in.prefixLength === 0)
}

/** The changes as messages: those that nft(8) sends for what `formatChanges()` says. */
export function writeChanges(writer: MessageWriter, changes: readonly NftChange[]): void {
  for (const change of changes) writeChange(writer, change)
}

function writeChange(writer: MessageWriter, change: NftChange): void {
  const family = NFPROTO[change.family]
  switch (change.change) {
    case 'add table':
      writer.begin(NFT_MSG.newTable, NLM_F_CREATE, family)
      writer.text(TABLE.name, change.table)
      writer.u32(TABLE.flags, 0)
      writeComment(writer, TABLE.userdata, change.comment)
      break
    case 'add chain':
      writer.begin(NFT_MSG.newChain, NLM_F_CREATE, family)
      writer.text(CHAIN.table, change.table)
      writer.text(CHAIN.name, change.chain)
      if (change.hook) writeHook(writer, change.hook)
      break
    case 'flush chain':
    case 'delete rule':
      writer.begin(NFT_MSG.delRule, 0, family)
      writer.text(RULE.table, change.table)
      writer.text(RULE.chain, change.chain)
      if (change.change === 'delete rule') writer.u64(RULE.handle, BigInt(change.handle))
      break
    case 'add rule':
    case 'insert rule': {
      const append = change.change === 'add rule' ? NLM_F_APPEND : 0
      writer.begin(NFT_MSG.newRule, NLM_F_CREATE | append, family)
      writer.text(RULE.table, change.table)
      writer.text(RULE.chain, change.chain)
      const list = writer.beginNested(RULE.expressions)
      for (const match of change.when ?? []) writeMatch(writer, match, change.family)
      writeVerdict(writer, change.verdict)
      writer.endNested(list)
      writeComment(writer, RULE.userdata, change.comment)
      break
    }
  }
  writer.end()
}

function writeHook(writer: MessageWriter, { type, hook, priority }: HookOf<NftChange>): void {
  const nested = writer.beginNested(CHAIN.hook)
  writer.u32(HOOK.number, HOOKS[hook])
  writer.u32(HOOK.priority, priority)
  writer.endNested(nested)
  writer.text(CHAIN.type, type)
}

type HookOf<C> = C extends { readonly hook?: infer H } ? NonNullable<H> : never

function writeComment(writer: MessageWriter, attribute: number, comment: string | undefined): void {
  if (comment !== undefined) writer.bytes(attribute, encodeComment(comment))
}

function writeMatch(writer: MessageWriter, match: Match, family: NftChange['family']): void {
  switch (match.is) {
    case 'saddr':
    case 'daddr': {
      const version = familyOf(match.in.address)
      if (family === 'inet') {
        expressions.loadMeta(writer, 'nfproto', FIRST)
        const protocol = version === 4 ? NFPROTO.ip : NFPROTO.ip6
        expressions.compare(writer, FIRST, 'eq', Uint8Array.of(protocol))
      }
      writeNetwork(writer, ADDRESS_OFFSET[version][match.is], match.in, match.not ?? false)
      break
    }
    case 'dport':
      expressions.loadMeta(writer, 'l4proto', FIRST)
      expressions.compare(writer, FIRST, 'eq', Uint8Array.of(PROTOCOL[match.protocol]))
      expressions.loadPayload(writer, 'transport', DESTINATION_PORT_OFFSET, 2, FIRST)
      expressions.compare(writer, FIRST, 'eq', portBytes(match.port))
      break
    case 'for us':
      expressions.loadFIB(writer, 'daddr', 'type', FIRST)
      expressions.compare(writer, FIRST, 'eq', Uint8Array.of(expressions.RTN_LOCAL, 0, 0, 0))
      break
    case 'words':
      throw new RangeError(`Cannot write ${match.words} as messages: these are words of nft(8)`)
  }
}

/** As nft(8) does: of a network that ends between two bytes only the bytes before are looked at. */
function writeNetwork(
  writer: MessageWriter,
  offset: number,
  { address, prefixLength }: CIDR,
  not: boolean,
): void {
  const bytes = ipToBytes(address)
  const isWhole = prefixLength % 8 === 0
  const length = isWhole ? prefixLength / 8 : bytes.length
  expressions.loadPayload(writer, 'network', offset, length, FIRST)
  if (!isWhole) expressions.maskRegister(writer, FIRST, maskOf(prefixLength, length))
  expressions.compare(writer, FIRST, not ? 'neq' : 'eq', bytes.subarray(0, length))
}

function maskOf(prefixLength: number, length: number): Uint8Array {
  const bits = (i: number) => Math.min(8, Math.max(0, prefixLength - i * 8))
  return Uint8Array.from({ length }, (_, i) => 0xff00 >> bits(i))
}

function writeVerdict(writer: MessageWriter, verdict: Verdict): void {
  switch (verdict.do) {
    case 'masquerade':
      expressions.masquerade(writer)
      break
    case 'return':
      expressions.giveVerdict(writer, 'return')
      break
    case 'jump':
    case 'goto':
      expressions.giveVerdict(writer, verdict.do, verdict.chain)
      break
    case 'dnat': {
      const family = familyOf(verdict.to) === 4 ? NFPROTO.ip : NFPROTO.ip6
      expressions.loadValue(writer, FIRST, ipToBytes(verdict.to))
      expressions.loadValue(writer, SECOND, portBytes(verdict.port))
      expressions.translateDestination(writer, family, FIRST, SECOND)
      break
    }
  }
}

function portBytes(port: number): Uint8Array {
  return Uint8Array.of(port >> 8, port & 0xff)
}
