import type { Family } from '#ip/ip.ts'
import type { Protocol } from '../../../model.ts'
import type { Field, NftSet } from '../nft-plan.ts'

/*
 * What nft(8) keeps with a set for its own listings, and the kernel only stores: libnftnl's include/libnftnl/udata.h, and in what order and
 * with which numbers nftables writes it (src/mnl.c, include/expression.h). Without it nft could not name the type of a slot.
 */

const UDATA = { keyByteOrder: 0, dataByteOrder: 1, keyTypeof: 3, dataTypeof: 4, dataInterval: 6 }
const TYPEOF = { expression: 0, data: 1 }
const EXPRESSION_ID = { payload: 7, meta: 9, concat: 13, numgen: 23 }
/** Protocols whose headers payloads are of, and the fields in them. */
const HEADER_ID: Readonly<Record<Protocol, number>> = { udp: 6, tcp: 8, sctp: 10 }
const IP_HEADER = { 4: { id: 12, daddr: 12 }, 6: { id: 13, daddr: 9 } } as const
const DPORT = 2
const META_PRIORITY = 2
const [NO_ORDER, HOST_ENDIAN, BIG_ENDIAN] = [0, 1, 2] as const

export function setUserdata({ key, value }: NftSet, family: Family): Uint8Array {
  const isConcat = key.length > 1
  const isTyped = key.includes('slot') || key.includes('meta priority')
  const parts = [number(UDATA.keyByteOrder, byteOrderOf(key))]
  if (value !== undefined)
    parts.push(number(UDATA.dataByteOrder, value === 'verdict' ? 0 : byteOrderOf(value)))
  if (isConcat) parts.push(nested(UDATA.keyTypeof, concatOf(isTyped ? key : [], family)))
  if (value !== undefined && value !== 'verdict' && value.length > 1)
    parts.push(nested(UDATA.dataTypeof, concatOf(isTyped ? value : [], family)))
  if (value !== undefined) parts.push(number(UDATA.dataInterval, 0))
  return Buffer.concat(parts)
}

function byteOrderOf([field, ...more]: readonly Field[]): number {
  if (field === undefined || more.length > 0 || field === 'meta l4proto') return NO_ORDER
  return field === 'meta priority' ? HOST_ENDIAN : BIG_ENDIAN
}

function concatOf(fields: readonly Field[], family: Family): readonly Uint8Array[] {
  return [
    number(TYPEOF.expression, EXPRESSION_ID.concat),
    nested(
      TYPEOF.data,
      fields.map((field, i) => nested(i, expressionOf(field, family))),
    ),
  ]
}

function expressionOf(field: Field, family: Family): readonly Uint8Array[] {
  if (field === 'slot') {
    const [random, modulus, offset] = [1, 2, 0]
    const data = [number(0, random), number(1, modulus), number(2, offset)]
    return [number(TYPEOF.expression, EXPRESSION_ID.numgen), nested(TYPEOF.data, data)]
  }
  if (field === 'meta priority') {
    const data = [number(0, META_PRIORITY)]
    return [number(TYPEOF.expression, EXPRESSION_ID.meta), nested(TYPEOF.data, data)]
  }
  const [protocol] = field.split(' ') as [Protocol]
  const { id, daddr } = IP_HEADER[family]
  const data =
    field === 'ip daddr'
      ? [number(0, id), number(1, daddr)]
      : [number(0, HEADER_ID[protocol]), number(1, DPORT)]
  return [number(TYPEOF.expression, EXPRESSION_ID.payload), nested(TYPEOF.data, data)]
}

function number(type: number, value: number): Uint8Array {
  const bytes = Buffer.from([type, 4, 0, 0, 0, 0])
  bytes.writeUInt32LE(value, 2)
  return bytes
}

function nested(type: number, parts: readonly Uint8Array[]): Uint8Array {
  const value = Buffer.concat(parts)
  return Buffer.concat([Buffer.from([type, value.length]), value])
}
