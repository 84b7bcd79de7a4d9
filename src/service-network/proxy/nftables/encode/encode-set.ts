import type { Family } from '#ip/ip.ts'
import { NLM_F_CREATE } from '#wire/netlink/message.ts'
import {
  DATA_VERDICT,
  LIST_ELEMENT,
  NFT_MSG,
  SET,
  SET_DESCRIPTION,
  SET_FIELD,
  SET_FLAG,
} from '#wire/netlink/nftables/constants.ts'
import type { MessageWriter } from '#wire/netlink/nftables/message-writer.ts'
import type { Field, NftSet } from '../nft-plan.ts'
import { fieldBytes, isAddress, keyBytes } from './encode-key.ts'
import { setUserdata } from './set-userdata.ts'

/** NFPROTO_IPV4 and NFPROTO_IPV6. */
export function protocolFamily(family: Family): number {
  return family === 4 ? 2 : 10
}

/** nft's own numbers of data types, which it needs to list a set (include/datatype.h of nftables). */
const TYPE = { integer: 4, ipv4: 7, ipv6: 8, protocol: 12, service: 13, classid: 23 } as const
const TYPE_BITS = 6
const SIZE_OF_VERDICT = 16

export function encodeSet(
  writer: MessageWriter,
  table: string,
  set: NftSet,
  family: Family,
  id: number,
): void {
  const { key, value } = set
  writer.begin(NFT_MSG.newSet, NLM_F_CREATE, protocolFamily(family))
  writer.text(SET.table, table)
  writer.text(SET.name, set.name)
  writer.u32(SET.flags, flagsOf(set))
  writer.u32(SET.keyType, typeOf(key, family))
  writer.u32(SET.keyLength, key.length === 1 ? fieldBytes(key[0]!, family) : keyBytes(key, family))
  if (value === 'verdict') {
    writer.u32(SET.dataType, DATA_VERDICT)
    writer.u32(SET.dataLength, SIZE_OF_VERDICT)
  } else if (value) {
    writer.u32(SET.dataType, typeOf(value, family))
    writer.u32(SET.dataLength, keyBytes(value, family))
  }
  writer.u32(SET.id, id)
  if (set.dynamicSize !== undefined || set.interval) encodeDescription(writer, set, family)
  writer.bytes(SET.userdata, setUserdata(set, family))
  writer.end()
}

function flagsOf({ value, interval, dynamicSize }: NftSet): number {
  let flags = 0
  if (value !== undefined) flags |= SET_FLAG.map
  if (interval) flags |= SET_FLAG.interval | SET_FLAG.concat
  if (dynamicSize !== undefined) flags |= SET_FLAG.timeout | SET_FLAG.eval
  return flags
}

function typeOf(fields: readonly Field[], family: Family): number {
  return fields.reduce((type, field) => (type << TYPE_BITS) | typeOfField(field, family), 0) >>> 0
}

function typeOfField(field: Field, family: Family): number {
  if (field === 'slot') return TYPE.integer
  if (field === 'meta priority') return TYPE.classid
  if (field === 'meta l4proto') return TYPE.protocol
  if (!isAddress(field)) return TYPE.service
  return family === 4 ? TYPE.ipv4 : TYPE.ipv6
}

function encodeDescription(writer: MessageWriter, set: NftSet, family: Family): void {
  const description = writer.beginNested(SET.description)
  if (set.dynamicSize !== undefined) writer.u32(SET_DESCRIPTION.size, set.dynamicSize)
  if (set.interval) {
    const concat = writer.beginNested(SET_DESCRIPTION.concat)
    for (const field of set.key) {
      const element = writer.beginNested(LIST_ELEMENT)
      writer.u32(SET_FIELD.length, fieldBytes(field, family))
      writer.endNested(element)
    }
    writer.endNested(concat)
  }
  writer.endNested(description)
}
