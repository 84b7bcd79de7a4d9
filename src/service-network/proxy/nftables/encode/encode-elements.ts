import type { Family } from '#ip/ip.ts'
import { NLM_F_CREATE } from '#wire/netlink/message.ts'
import { DATA, ELEMENT, ELEMENTS, LIST_ELEMENT, NFT_MSG } from '#wire/netlink/nftables/constants.ts'
import { writeVerdict } from '#wire/netlink/nftables/expressions.ts'
import type { MessageWriter } from '#wire/netlink/nftables/message-writer.ts'
import type { Element, NftSet, SetName } from '../nft-plan.ts'
import { SETS } from '../plan-base.ts'
import {
  addressBytes,
  fieldBytes,
  keyBytes,
  padded,
  writeIP,
  writeKey,
  writeNumber,
} from './encode-key.ts'
import { protocolFamily } from './encode-set.ts'

/** The length of an attribute is 16 bits. */
const MAX_LIST_BYTES = 60_000

const BY_NAME: ReadonlyMap<SetName, NftSet> = new Map(SETS.map((set) => [set.name, set]))

/** Messages that add or delete elements, grouped by their sets in the order in which these come first. */
export function encodeElements(
  writer: MessageWriter,
  verb: 'add' | 'delete',
  table: string,
  elements: Iterable<Element>,
  family: Family,
): void {
  for (const [name, some] of Map.groupBy(elements, ({ set }) => set)) {
    const set = BY_NAME.get(name)!
    for (let at = 0; at < some.length; ) {
      writer.begin(
        verb === 'add' ? NFT_MSG.newSetElem : NFT_MSG.delSetElem,
        verb === 'add' ? NLM_F_CREATE : 0,
        protocolFamily(family),
      )
      writer.text(ELEMENTS.table, table)
      writer.text(ELEMENTS.set, name)
      const start = writer.length()
      const list = writer.beginNested(ELEMENTS.elements)
      while (at < some.length && writer.length() - start < MAX_LIST_BYTES)
        encodeElement(writer, some[at++]!, set, family, verb === 'delete')
      writer.endNested(list)
      writer.end()
    }
  }
}

function encodeElement(
  writer: MessageWriter,
  element: Element,
  set: NftSet,
  family: Family,
  isKeyOnly: boolean,
): void {
  const start = writer.beginNested(LIST_ELEMENT)
  encodeKey(writer, ELEMENT.key, element, set, family)
  if (set.interval) encodeKey(writer, ELEMENT.keyEnd, element, set, family)
  if (!isKeyOnly) encodeValue(writer, element, family)
  writer.endNested(start)
}

function encodeKey(
  writer: MessageWriter,
  attribute: number,
  { key }: Element,
  set: NftSet,
  family: Family,
): void {
  const data = writer.beginNested(attribute)
  const [first] = set.key
  const length = set.key.length === 1 ? fieldBytes(first!, family) : keyBytes(set.key, family)
  const at = writer.reserve(DATA.value, length)
  writeKey(writer.buffer(), at, key, set.key, attribute === ELEMENT.keyEnd)
  writer.endNested(data)
}

function encodeValue(writer: MessageWriter, element: Element, family: Family): void {
  const { value, timeoutSeconds, expiresSeconds } = element
  if (value) {
    const data = writer.beginNested(ELEMENT.data)
    if (value.kind === 'endpoint') {
      const at = writer.reserve(DATA.value, addressBytes(family) + padded(2))
      const buffer = writer.buffer()
      const portAt = writeIP(buffer, at, value.ip)
      buffer[portAt] = value.port >> 8
      buffer[portAt + 1] = value.port & 255
    } else if (value.kind === 'choice') {
      const at = writer.reserve(DATA.value, 4)
      writeNumber(writer.buffer(), at, value.choice, true)
    } else writeVerdict(writer, value.kind, value.kind === 'goto' ? value.chain : undefined)
    writer.endNested(data)
  }
  if (timeoutSeconds === undefined) return
  writer.u64(ELEMENT.timeout, BigInt(Math.round(timeoutSeconds * 1000)))
  writer.u64(ELEMENT.expiration, BigInt(Math.round((expiresSeconds ?? timeoutSeconds) * 1000)))
}
