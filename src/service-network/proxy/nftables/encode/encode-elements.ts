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
  /** By what elements of one form have in common. */
  readonly forms: Map<string, Form>
}

/** What all elements with one verdict, or with one kind of value, have in common: they are copies with other bytes in a few places. */
interface Form {
  readonly bytes: Uint8Array
  readonly keyAt: number
  /** Of intervals. */
  readonly keyEndAt?: number
  /** Of an endpoint or a choice. */
  readonly valueAt?: number
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
    const isKeyOnly = this.verb === 'delete'
    if (element.timeoutSeconds !== undefined) {
      // Times are no part of a form: only what clients remember has them.
      encodeElement(list, element, this.family, isKeyOnly)
      return
    }
    const name = formOf(element, isKeyOnly)
    const form = list.forms.get(name)
    if (form) copyForm(list, form, element)
    else {
      const start = writer.length()
      const places = encodeElement(list, element, this.family, isKeyOnly)
      list.forms.set(name, { bytes: writer.finish().slice(start), ...places })
    }
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
    const list = { set, key, writer: createMessageWriter(), starts: [0], forms: new Map() }
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

/** The name of its {@link Form}: no chain of ours has the name of a kind. */
function formOf({ value }: Element, isKeyOnly: boolean): string {
  if (value === undefined || isKeyOnly) return 'key'
  return value.kind === 'goto' ? value.chain : value.kind
}

/** Every byte that differs is written again: what is left of a register is zero in all of them. */
function copyForm({ key, writer }: ElementList, form: Form, element: Element): void {
  const start = writer.length()
  writer.append(form.bytes)
  const buffer = writer.buffer()
  writeKey(buffer, start + form.keyAt, element.key, key)
  if (form.keyEndAt !== undefined) writeKey(buffer, start + form.keyEndAt, element.key, key, true)
  if (form.valueAt !== undefined) writeValue(buffer, start + form.valueAt, element.value)
}

/** Returns where in the element its parts are. */
function encodeElement(
  { set, key, writer }: ElementList,
  element: Element,
  family: Family,
  isKeyOnly: boolean,
): Omit<Form, 'bytes'> {
  const start = writer.beginNested(LIST_ELEMENT)
  const keyAt = encodeKey(writer, ELEMENT.key, element, key)
  const keyEndAt = set.interval && encodeKey(writer, ELEMENT.keyEnd, element, key)
  const valueAt = isKeyOnly ? undefined : encodeValue(writer, element, family)
  writer.endNested(start)
  return {
    keyAt: keyAt - start,
    ...(keyEndAt !== undefined && { keyEndAt: keyEndAt - start }),
    ...(valueAt !== undefined && { valueAt: valueAt - start }),
  }
}

function encodeKey(
  writer: MessageWriter,
  attribute: number,
  { key }: Element,
  layout: KeyLayout,
): number {
  const data = writer.beginNested(attribute)
  const at = writer.reserve(DATA.value, layout.bytes)
  writeKey(writer.buffer(), at, key, layout, attribute === ELEMENT.keyEnd)
  writer.endNested(data)
  return at
}

/** Returns where it is, unless it is a verdict. */
function encodeValue(writer: MessageWriter, element: Element, family: Family): number | undefined {
  const { value, timeoutSeconds, expiresSeconds } = element
  let at: number | undefined
  if (value) {
    const data = writer.beginNested(ELEMENT.data)
    if (value.kind === 'endpoint' || value.kind === 'choice') {
      const bytes = value.kind === 'choice' ? 4 : addressBytes(family) + padded(2)
      at = writer.reserve(DATA.value, bytes)
      writeValue(writer.buffer(), at, value)
    } else writeVerdict(writer, value.kind, value.kind === 'goto' ? value.chain : undefined)
    writer.endNested(data)
  }
  if (timeoutSeconds !== undefined) {
    writer.u64(ELEMENT.timeout, BigInt(Math.round(timeoutSeconds * 1000)))
    writer.u64(ELEMENT.expiration, BigInt(Math.round((expiresSeconds ?? timeoutSeconds) * 1000)))
  }
  return at
}

function writeValue(buffer: Uint8Array, at: number, value: Element['value']): void {
  if (value?.kind === 'endpoint') writePort(buffer, writeIP(buffer, at, value.ip), value.port)
  else if (value?.kind === 'choice') writeNumber(buffer, at, value.choice)
}
