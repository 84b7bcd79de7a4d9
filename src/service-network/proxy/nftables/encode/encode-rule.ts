import { type Family, type IP, ipToBytes } from '#ip/ip.ts'
import { NLM_F_APPEND, NLM_F_CREATE } from '#wire/netlink/message.ts'
import { NFT_MSG, REG_VERDICT, REG32_00, RULE } from '#wire/netlink/nftables/constants.ts'
import * as expressions from '#wire/netlink/nftables/expressions.ts'
import type { MessageWriter } from '#wire/netlink/nftables/message-writer.ts'
import type { Condition, Field, Rule, Statement } from '../nft-plan.ts'
import { addressBytes, fieldBytes, keyBytes, padded, protocolNumber } from './encode-key.ts'
import { protocolFamily } from './encode-set.ts'

/** IP_CT_NEW as a bit of `ct state`, IPS_DST_NAT of `ct status`: include/uapi/linux/netfilter/nf_conntrack_common.h. */
const STATE_NEW = Uint8Array.of(1 << 3, 0, 0, 0)
const STATE_INVALID = Uint8Array.of(1, 0, 0, 0)
const STATUS_DNAT = Uint8Array.of(1 << 5, 0, 0, 0)
const ZERO = new Uint8Array(4)
const INTERFACE_NAME_BYTES = 16
const ICMP = {
  4: { protocol: 1, echo: 8, unreachable: 3 },
  6: { protocol: 58, echo: 128, unreachable: 4 },
} as const
/** Where addresses lie in the IP header: RFC 791 section 3.1, RFC 8200 section 3. */
const ADDRESS_OFFSET = { 4: { saddr: 12, daddr: 16 }, 6: { saddr: 8, daddr: 24 } } as const

export function encodeRule(
  writer: MessageWriter,
  table: string,
  chain: string,
  { when, do: statement }: Rule,
  family: Family,
): void {
  writer.begin(NFT_MSG.newRule, NLM_F_CREATE | NLM_F_APPEND, protocolFamily(family))
  writer.text(RULE.table, table)
  writer.text(RULE.chain, chain)
  const list = writer.beginNested(RULE.expressions)
  for (const condition of when) encodeCondition(writer, condition, family)
  encodeStatement(writer, statement, family)
  writer.endNested(list)
  writer.end()
}

function encodeCondition(writer: MessageWriter, condition: Condition, family: Family): void {
  const first = REG32_00
  switch (condition.kind) {
    case 'new':
      encodeBit(writer, 'state', STATE_NEW)
      break
    case 'invalid':
      encodeBit(writer, 'state', STATE_INVALID)
      break
    case 'dnatted':
      encodeBit(writer, 'status', STATUS_DNAT)
      break
    case 'local-source':
      expressions.loadFIB(writer, 'saddr', 'type', first)
      expressions.compare(writer, first, 'eq', Uint8Array.of(expressions.RTN_LOCAL, 0, 0, 0))
      break
    case 'echo-request': {
      const { protocol, echo } = ICMP[family]
      expressions.loadMeta(writer, 'l4proto', first)
      expressions.compare(writer, first, 'eq', Uint8Array.of(protocol))
      expressions.loadPayload(writer, 'transport', 0, 1, first)
      expressions.compare(writer, first, 'eq', Uint8Array.of(echo))
      break
    }
    case 'protocol':
      expressions.loadMeta(writer, 'l4proto', first)
      expressions.compare(writer, first, 'eq', Uint8Array.of(protocolNumber(condition.is)))
      break
    case 'address':
      encodeAddressCondition(writer, condition, family)
      break
    case 'device': {
      if (condition.field === 'fib daddr oifname')
        expressions.loadFIB(writer, 'daddr', 'oifname', first)
      else expressions.loadMeta(writer, condition.field, first)
      const name = condition.prefix
        ? Buffer.from(condition.name)
        : Buffer.alloc(INTERFACE_NAME_BYTES, 0).fill(condition.name, 0, condition.name.length)
      expressions.compare(writer, first, condition.not ? 'neq' : 'eq', name)
      break
    }
    case 'in-set':
      loadKey(writer, condition.key, family, first)
      expressions.lookUp(writer, condition.set, first, { not: condition.not ?? false })
      break
  }
}

function encodeBit(writer: MessageWriter, key: 'state' | 'status', bit: Uint8Array): void {
  expressions.loadConntrack(writer, key, REG32_00)
  expressions.maskRegister(writer, REG32_00, bit)
  expressions.compare(writer, REG32_00, 'neq', ZERO)
}

function encodeAddressCondition(
  writer: MessageWriter,
  { field, network, not }: Extract<Condition, { readonly kind: 'address' }>,
  family: Family,
): void {
  loadKey(writer, [field], family, REG32_00)
  const isNetwork = typeof network === 'object'
  const address: IP = isNetwork ? network.address : network
  if (isNetwork && network.prefixLength < addressBytes(family) * 8)
    expressions.maskRegister(writer, REG32_00, maskOf(network.prefixLength, family))
  expressions.compare(writer, REG32_00, not ? 'neq' : 'eq', ipToBytes(address))
}

function maskOf(prefixLength: number, family: Family): Uint8Array {
  const bits = (i: number) => Math.min(8, Math.max(0, prefixLength - i * 8))
  return Uint8Array.from({ length: addressBytes(family) }, (_, i) => 0xff00 >> bits(i))
}

function encodeStatement(writer: MessageWriter, statement: Statement, family: Family): void {
  const first = REG32_00
  switch (statement.kind) {
    case 'accept':
    case 'drop':
      expressions.giveVerdict(writer, statement.kind)
      break
    case 'goto':
      expressions.giveVerdict(writer, 'goto', statement.chain)
      break
    case 'vmap':
      loadKey(writer, statement.key, family, first)
      expressions.lookUp(writer, statement.map, first, { to: REG_VERDICT })
      break
    case 'reject':
      expressions.reject(
        writer,
        statement.with === 'tcp reset' ? 'tcp reset' : ICMP[family].unreachable,
      )
      break
    case 'masquerade':
      expressions.masqueradeFullyRandom(writer)
      break
    case 'dnat':
      expressions.loadValue(writer, first, ipToBytes(statement.to))
      expressions.translateDestination(writer, protocolFamily(family), first)
      break
    case 'dnat-map': {
      loadKey(writer, statement.key, family, first, statement.slots)
      expressions.lookUp(writer, statement.map, first, { to: first })
      const port = first + addressBytes(family) / 4
      expressions.translateDestination(writer, protocolFamily(family), first, port)
      break
    }
    case 'choose':
      loadKey(writer, statement.key, family, first)
      expressions.lookUp(writer, statement.map, first, { to: first })
      expressions.setPriority(writer, first)
      break
    case 'forget-choice':
      expressions.loadValue(writer, first, ZERO)
      expressions.setPriority(writer, first)
      break
    case 'count':
      loadKey(writer, statement.key, family, first)
      expressions.updateElement(writer, statement.set, first, {
        timeoutMs: statement.timeoutSeconds * 1000,
        counts: true,
      })
      break
    case 'delete':
    case 'update': {
      const value = first + keyBytes(statement.key, family) / 4
      loadKey(writer, statement.key, family, first)
      loadKey(writer, statement.value, family, value)
      if (statement.kind === 'delete')
        expressions.deleteElement(writer, statement.map, first, value)
      else {
        const timeoutMs = statement.timeoutSeconds * 1000
        expressions.updateElement(writer, statement.map, first, { value, timeoutMs })
      }
      break
    }
  }
}

/** @param slots the modulus of the slot, where the key has one */
function loadKey(
  writer: MessageWriter,
  key: readonly Field[],
  family: Family,
  register: number,
  slots = 1,
): void {
  for (const field of key) {
    loadField(writer, field, family, register, slots)
    register += padded(fieldBytes(field, family)) / 4
  }
}

function loadField(
  writer: MessageWriter,
  field: Field,
  family: Family,
  register: number,
  slots: number,
): void {
  const length = addressBytes(family)
  const offsets = ADDRESS_OFFSET[family]
  switch (field) {
    case 'slot':
      expressions.loadRandom(writer, slots, register)
      break
    case 'meta priority':
      expressions.loadMeta(writer, 'priority', register)
      break
    case 'meta l4proto':
      expressions.loadMeta(writer, 'l4proto', register)
      break
    case 'ip saddr':
      expressions.loadPayload(writer, 'network', offsets.saddr, length, register)
      break
    case 'ip daddr':
      expressions.loadPayload(writer, 'network', offsets.daddr, length, register)
      break
    case 'ct original ip daddr':
      expressions.loadConntrack(writer, family === 4 ? 'dstIP' : 'dstIP6', register, true)
      break
    case 'ct original proto-dst':
      expressions.loadConntrack(writer, 'protoDst', register, true)
      break
    case 'th sport':
      expressions.loadPayload(writer, 'transport', 0, 2, register)
      break
    default:
      expressions.loadPayload(writer, 'transport', 2, 2, register)
      break
  }
}
