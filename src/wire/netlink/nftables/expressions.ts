import { DATA, EXPRESSION, LIST_ELEMENT, REG_VERDICT, VERDICT, VERDICT_CODE } from './constants.ts'
import type { MessageWriter } from './message-writer.ts'

/*
 * The expressions that rules are made of, one function each: the nft_*_attributes of include/uapi/linux/netfilter/nf_tables.h. A register
 * is a number from REG32_00 on.
 */

type Write = (writer: MessageWriter) => void

function expression(writer: MessageWriter, name: string, write: Write): void {
  const element = writer.beginNested(LIST_ELEMENT)
  writer.text(EXPRESSION.name, name)
  const data = writer.beginNested(EXPRESSION.data)
  write(writer)
  writer.endNested(data)
  writer.endNested(element)
}

export const META_KEY = { priority: 2, iifname: 6, oifname: 7, nfproto: 15, l4proto: 16 } as const
export function loadMeta(
  writer: MessageWriter,
  key: keyof typeof META_KEY,
  register: number,
): void {
  expression(writer, 'meta', () => {
    writer.u32(2, META_KEY[key])
    writer.u32(1, register)
  })
}

export function setPriority(writer: MessageWriter, register: number): void {
  expression(writer, 'meta', () => {
    writer.u32(2, META_KEY.priority)
    writer.u32(3, register)
  })
}

const PAYLOAD_BASE = { network: 1, transport: 2 } as const
export function loadPayload(
  writer: MessageWriter,
  base: keyof typeof PAYLOAD_BASE,
  offset: number,
  length: number,
  register: number,
): void {
  expression(writer, 'payload', () => {
    writer.u32(1, register)
    writer.u32(2, PAYLOAD_BASE[base])
    writer.u32(3, offset)
    writer.u32(4, length)
  })
}

export const CT_KEY = { state: 0, status: 2, protoDst: 12, dstIP: 20, dstIP6: 22 } as const
/** @param original reads it of the original direction */
export function loadConntrack(
  writer: MessageWriter,
  key: keyof typeof CT_KEY,
  register: number,
  original = false,
): void {
  expression(writer, 'ct', () => {
    writer.u32(2, CT_KEY[key])
    writer.u32(1, register)
    if (original) writer.u8(3, 0)
  })
}

const FIB_RESULT = { oifname: 2, type: 3 } as const
const FIB_FLAG = { saddr: 1, daddr: 2 } as const
export const RTN_LOCAL = 2
export function loadFIB(
  writer: MessageWriter,
  address: keyof typeof FIB_FLAG,
  result: keyof typeof FIB_RESULT,
  register: number,
): void {
  expression(writer, 'fib', () => {
    writer.u32(3, FIB_FLAG[address])
    writer.u32(2, FIB_RESULT[result])
    writer.u32(1, register)
  })
}

export function loadRandom(writer: MessageWriter, modulus: number, register: number): void {
  expression(writer, 'numgen', () => {
    writer.u32(1, register)
    writer.u32(2, modulus)
    writer.u32(3, 1) // NFT_NG_RANDOM
    writer.u32(4, 0)
  })
}

export function compare(
  writer: MessageWriter,
  register: number,
  operator: 'eq' | 'neq',
  value: Uint8Array,
): void {
  expression(writer, 'cmp', () => {
    writer.u32(1, register)
    writer.u32(2, operator === 'eq' ? 0 : 1)
    writeData(writer, 3, value)
  })
}

/** register = register & mask. */
export function maskRegister(writer: MessageWriter, register: number, mask: Uint8Array): void {
  expression(writer, 'bitwise', () => {
    writer.u32(1, register)
    writer.u32(2, register)
    writer.u32(3, mask.length)
    writeData(writer, 4, mask)
    writeData(writer, 5, new Uint8Array(mask.length))
  })
}

export function loadValue(writer: MessageWriter, register: number, value: Uint8Array): void {
  expression(writer, 'immediate', () => {
    writer.u32(1, register)
    writeData(writer, 2, value)
  })
}

export function giveVerdict(
  writer: MessageWriter,
  code: keyof typeof VERDICT_CODE,
  chain?: string,
): void {
  expression(writer, 'immediate', () => {
    writer.u32(1, REG_VERDICT)
    const data = writer.beginNested(2)
    writeVerdict(writer, code, chain)
    writer.endNested(data)
  })
}

/** `to`: the register for a map's value, REG_VERDICT for a verdict map; none for a set. */
export function lookUp(
  writer: MessageWriter,
  set: string,
  from: number,
  { to, not = false }: { readonly to?: number; readonly not?: boolean } = {},
): void {
  expression(writer, 'lookup', () => {
    writer.text(1, set)
    writer.u32(2, from)
    if (to !== undefined) writer.u32(3, to)
    if (not) writer.u32(5, 1)
  })
}

const NAT_DNAT = 1
/** @param ports the register with the port; absent keeps it */
export function translateDestination(
  writer: MessageWriter,
  family: number,
  address: number,
  port?: number,
): void {
  expression(writer, 'nat', () => {
    writer.u32(1, NAT_DNAT)
    writer.u32(2, family)
    writer.u32(3, address)
    if (port !== undefined) writer.u32(5, port)
  })
}

export function masquerade(writer: MessageWriter): void {
  expression(writer, 'masq', () => {})
}

const NF_NAT_RANGE_PROTO_RANDOM_FULLY = 1 << 4
export function masqueradeFullyRandom(writer: MessageWriter): void {
  expression(writer, 'masq', () => writer.u32(1, NF_NAT_RANGE_PROTO_RANDOM_FULLY))
}

/** NFT_REJECT_ICMP_UNREACH with a code, or NFT_REJECT_TCP_RST. */
export function reject(writer: MessageWriter, code: number | 'tcp reset'): void {
  expression(writer, 'reject', () => {
    writer.u32(1, code === 'tcp reset' ? 1 : 0)
    writer.u8(2, code === 'tcp reset' ? 0 : code)
  })
}

export function count(writer: MessageWriter): void {
  expression(writer, 'counter', () => {
    writer.u64(1, 0n)
    writer.u64(2, 0n)
  })
}

/** Adds an element of a dynamic set or map, or starts its time anew. */
export function updateElement(
  writer: MessageWriter,
  set: string,
  key: number,
  {
    value,
    timeoutMs,
    counts = false,
  }: { readonly value?: number; readonly timeoutMs: number; readonly counts?: boolean },
): void {
  expression(writer, 'dynset', () => {
    writer.u32(4, key)
    if (value !== undefined) writer.u32(5, value)
    writer.u32(3, 1) // NFT_DYNSET_OP_UPDATE
    writer.u64(6, BigInt(timeoutMs))
    writer.text(1, set)
    if (!counts) return
    const counter = writer.beginNested(7)
    writer.text(EXPRESSION.name, 'counter')
    const data = writer.beginNested(EXPRESSION.data)
    writer.u64(1, 0n)
    writer.u64(2, 0n)
    writer.endNested(data)
    writer.endNested(counter)
  })
}

/** Takes an element out of a dynamic map, if it is there. @param value a register that is not looked at */
export function deleteElement(
  writer: MessageWriter,
  map: string,
  key: number,
  value: number,
): void {
  expression(writer, 'dynset', () => {
    writer.u32(4, key)
    writer.u32(5, value)
    writer.u32(3, 2) // NFT_DYNSET_OP_DELETE
    writer.text(1, map)
  })
}

export function writeData(writer: MessageWriter, type: number, value: Uint8Array): void {
  const data = writer.beginNested(type)
  writer.bytes(DATA.value, value)
  writer.endNested(data)
}

export function writeVerdict(
  writer: MessageWriter,
  code: keyof typeof VERDICT_CODE,
  chain?: string,
): void {
  const verdict = writer.beginNested(DATA.verdict)
  writer.u32(VERDICT.code, VERDICT_CODE[code])
  if (chain !== undefined) writer.text(VERDICT.chain, chain)
  writer.endNested(verdict)
}
