import type { Family } from '#ip/ip.ts'
import { NLM_F_CREATE } from '#wire/netlink/message.ts'
import { DATA, ELEMENT, ELEMENTS, LIST_ELEMENT, NFT_MSG } from '#wire/netlink/nftables/constants.ts'
import { writeVerdict } from '#wire/netlink/nftables/expressions.ts'
import { createMessageWriter, type MessageWriter } from '#wire/netlink/nftables/message-writer.ts'
import type { Element, NftSet, SetName } from '../nft-plan.ts'
import { SETS } from '../sets.ts'
import {
  addressBytes,
  type KeyLayout,
  layoutOfKey,
  padded,
  writeIP,
  writeKey,
  writeNumber,
  writePort,
} from './encode-key.ts'
import { protocolFamily } from './encode-set.ts'

/** The length of an attribute is 16 bits. */
const MAX_LIST_BYTES = 60_000

const BY_NAME: ReadonlyMap<SetName, NftSet> = new Map(SETS.map((set) => [set.name, set]))

/** The elements of one set, one behind the other. */
interface ElementList {
  readonly set: NftSet
  readonly key: KeyLayout
  readonly writer: MessageWriter
  /** Where messages begin, so that none is too long. */
  readonly starts: number[]
}

/** Elements to be added or deleted. Each becomes bytes when it is entered: a big plan is never there as a whole. */
export class ElementBatch {
  private readonly verb: 'add' | 'delete'
  private readonly family: Family
  private readonly lists = new Map<SetName, ElementList>()

  constructor(verb: 'add' | 'delete', family: Family) {
    this.verb = verb
    this.family = family
  }

  enter(element: Element): void {
    const list = this.lists.get(element.set) ?? this.open(element.set)
    const { writer, starts } = list
    if (writer.length() - starts.at(-1)! >= MAX_LIST_BYTES) starts.push(writer.length())
    encodeElement(list, element, this.family, this.verb === 'delete')
  }

  /** Messages with all of them, grouped by their sets in the order in which these came first. */
  writeTo(writer: MessageWriter, table: string): void {
    const [type, flags] =
      this.verb === 'add' ? [NFT_MSG.newSetElem, NLM_F_CREATE] : [NFT_MSG.delSetElem, 0]
    for (const { set, writer: elements, starts } of this.lists.values()) {
      for (const [i, start] of starts.entries()) {
        writer.begin(type, flags, protocolFamily(this.family))
        writer.text(ELEMENTS.table, table)
        writer.text(ELEMENTS.set, set.name)
        const list = writer.beginNested(ELEMENTS.elements)
        writer.append(elements.finish().subarray(start, starts[i + 1]))
        writer.endNested(list)
        writer.end()
      }
    }
  }

  private open(name: SetName): ElementList {
    const set = BY_NAME.get(name)!
    const key = layoutOfKey(set.key, this.family)
    const list = { set, key, writer: createMessageWriter(), starts: [0] }
    this.lists.set(name, list)
    return list
  }
}

/** Messages that add or delete some elements. */
export function encodeElements(
  writer: MessageWriter,
  verb: 'add' | 'delete',
  table: string,
  elements: Iterable<Element>,
  family: Family,
): void {
  const batch = new ElementBatch(verb, family)
  for (const element of elements) batch.enter(element)
  batch.writeTo(writer, table)
}

function encodeElement(
  { set, key, writer }: ElementList,
  element: Element,
  family: Family,
  isKeyOnly: boolean,
): void {
  const start = writer.beginNested(LIST_ELEMENT)
  encodeKey(writer, ELEMENT.key, element, key)
  if (set.interval) encodeKey(writer, ELEMENT.keyEnd, element, key)
  if (!isKeyOnly) encodeValue(writer, element, family)
  writer.endNested(start)
}

function encodeKey(
  writer: MessageWriter,
  attribute: number,
  { key }: Element,
  layout: KeyLayout,
): void {
  const data = writer.beginNested(attribute)
  const at = writer.reserve(DATA.value, layout.bytes)
  writeKey(writer.buffer(), at, key, layout, attribute === ELEMENT.keyEnd)
  writer.endNested(data)
}

function encodeValue(writer: MessageWriter, element: Element, family: Family): void {
  const { value, timeoutSeconds, expiresSeconds } = element
  if (value) {
    const data = writer.beginNested(ELEMENT.data)
    if (value.kind === 'endpoint') {
      const at = writer.reserve(DATA.value, addressBytes(family) + padded(2))
      writePort(writer.buffer(), writeIP(writer.buffer(), at, value.ip), value.port)
    } else if (value.kind === 'choice') {
      const at = writer.reserve(DATA.value, 4)
      writeNumber(writer.buffer(), at, value.choice)
    } else writeVerdict(writer, value.kind, value.kind === 'goto' ? value.chain : undefined)
    writer.endNested(data)
  }
  if (timeoutSeconds === undefined) return
  writer.u64(ELEMENT.timeout, BigInt(Math.round(timeoutSeconds * 1000)))
  writer.u64(ELEMENT.expiration, BigInt(Math.round((expiresSeconds ?? timeoutSeconds) * 1000)))
}
