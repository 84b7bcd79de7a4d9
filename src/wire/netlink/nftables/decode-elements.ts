import { decodeAttributes, decodeOptional } from '../attributes.ts'
import { need, readU16 } from '../bytes.ts'
import { WireError } from '../wire-error.ts'
import { COUNTER, DATA, ELEMENT, ELEMENTS, EXPRESSION } from './constants.ts'

/** An element of a set or map, as a dump shows it. The bytes are views of the message. */
export interface SetElement {
  readonly key: Uint8Array
  /** Of a map; absent for verdicts. */
  readonly value?: Uint8Array
  readonly timeoutMs?: number
  readonly expiresMs?: number
  /** What its counter says, where it has one. */
  readonly packets?: number
}

const WHAT = 'nftables set element'
/** `struct nfgenmsg`. */
const HEADER_BYTES = 4

/** The elements that one message of a dump holds (NFT_MSG_NEWSETELEM). */
export function decodeSetElements(body: Uint8Array): readonly SetElement[] {
  const list = decodeAttributes(body, HEADER_BYTES, WHAT).get(ELEMENTS.elements)
  return list ? [...valuesOf(list)].flatMap(decodeElement) : []
}

/** The values of a list, whose attributes are all of one type. */
function* valuesOf(list: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < list.length; ) {
    const length = readU16(list, at, WHAT)
    if (length < 4) throw new WireError(WHAT, at, `attribute of ${length} bytes`)
    need(list, at, length, WHAT)
    yield list.subarray(at + 4, at + length)
    at += (length + 3) & ~3
  }
}

function decodeElement(bytes: Uint8Array): readonly SetElement[] {
  const attributes = decodeAttributes(bytes, 0, WHAT)
  const key = decodeOptional(attributes, ELEMENT.key, dataOf)
  if (!key) return []
  const value = decodeOptional(attributes, ELEMENT.data, dataOf)
  const timeoutMs = decodeOptional(attributes, ELEMENT.timeout, readU64)
  const expiresMs = decodeOptional(attributes, ELEMENT.expiration, readU64)
  const packets = decodeOptional(attributes, ELEMENT.expression, packetsOf)
  return [
    {
      key,
      ...(value && { value }),
      ...(timeoutMs !== undefined && { timeoutMs }),
      ...(expiresMs !== undefined && { expiresMs }),
      ...(packets !== undefined && { packets }),
    },
  ]
}

function dataOf(data: Uint8Array): Uint8Array | undefined {
  return decodeAttributes(data, 0, WHAT).get(DATA.value)
}

function packetsOf(expression: Uint8Array): number | undefined {
  const data = decodeAttributes(expression, 0, WHAT).get(EXPRESSION.data)
  return data && decodeOptional(decodeAttributes(data, 0, WHAT), COUNTER.packets, readU64)
}

function readU64(value: Uint8Array): number {
  need(value, 0, 8, WHAT)
  return Number(Buffer.from(value.buffer, value.byteOffset, 8).readBigUInt64BE())
}
