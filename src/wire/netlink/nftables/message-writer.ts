import { NLA_F_NESTED } from '../attributes.ts'
import { NLM_F_REQUEST } from '../message.ts'

/*
 * Writes netlink messages of nfnetlink one behind the other into one growing buffer: a table of ten thousand Services is a transaction of
 * megabytes, for which an array a value would cost more than the kernel does.
 */

export interface MessageWriter {
  /** Opens a message: `struct nlmsghdr`, then `struct nfgenmsg`. */
  begin(type: number, flags: number, family: number, resourceID?: number): void
  /** Ends the message. Returns its sequence number. */
  end(): number
  /** Opens an attribute made of attributes. Returns what {@link endNested} takes. */
  beginNested(type: number): number
  endNested(start: number): void
  /** nf_tables has its numbers in network order. */
  u32(type: number, value: number): void
  u64(type: number, value: bigint): void
  u8(type: number, value: number): void
  /** With the zero byte that ends it. */
  text(type: number, value: string): void
  bytes(type: number, value: Uint8Array): void
  /** An attribute of so many bytes, which the caller fills at the offset returned in {@link buffer}. They are zero. */
  reserve(type: number, length: number): number
  /** Attributes that were written elsewhere. */
  append(attributes: Uint8Array): void
  /** Valid until the next call that writes. */
  buffer(): Uint8Array
  /** How many bytes there are. */
  length(): number
  /** What was written, not copied. */
  finish(): Uint8Array
}

const FIRST_BYTES = 16 * 1024
const HEADER_BYTES = 16
const ATTRIBUTE_HEADER_BYTES = 4
export const NFNETLINK_V0 = 0

export function createMessageWriter(firstSequence = 1): MessageWriter {
  let buffer = Buffer.alloc(FIRST_BYTES)
  let at = 0
  let messageAt = 0
  let sequence = firstSequence

  const ensure = (more: number) => {
    if (at + more <= buffer.length) return
    const bigger = Buffer.alloc(Math.max(buffer.length * 2, at + more))
    buffer.copy(bigger, 0, 0, at)
    buffer = bigger
  }
  /** Without the checks of Buffer's own, which cost more than the writing. */
  const put16 = (offset: number, value: number) => {
    buffer[offset] = value
    buffer[offset + 1] = value >> 8
  }
  /** Returns where the value goes. */
  const attribute = (type: number, length: number): number => {
    const padded = ATTRIBUTE_HEADER_BYTES + ((length + 3) & ~3)
    ensure(padded)
    put16(at, ATTRIBUTE_HEADER_BYTES + length)
    put16(at + 2, type)
    const value = at + ATTRIBUTE_HEADER_BYTES
    at += padded
    return value
  }
  return {
    begin(type, flags, family, resourceID = 0) {
      ensure(HEADER_BYTES + 4)
      messageAt = at
      buffer.writeUInt16LE(type, at + 4)
      buffer.writeUInt16LE(NLM_F_REQUEST | flags, at + 6)
      buffer.writeUInt32LE(sequence, at + 8)
      buffer[at + HEADER_BYTES] = family
      buffer[at + HEADER_BYTES + 1] = NFNETLINK_V0
      buffer.writeUInt16BE(resourceID, at + HEADER_BYTES + 2)
      at += HEADER_BYTES + 4
    },
    end() {
      buffer.writeUInt32LE(at - messageAt, messageAt)
      return sequence++
    },
    beginNested: (type) => attribute(type | NLA_F_NESTED, 0) - ATTRIBUTE_HEADER_BYTES,
    endNested(start) {
      put16(start, at - start)
    },
    u32(type, value) {
      const value4 = attribute(type, 4) // may move the buffer
      buffer.writeUInt32BE(value >>> 0, value4)
    },
    u64(type, value) {
      const value8 = attribute(type, 8)
      buffer.writeBigUInt64BE(value, value8)
    },
    u8(type, value) {
      const value1 = attribute(type, 1)
      buffer[value1] = value
    },
    text(type, value) {
      const length = Buffer.byteLength(value)
      const start = attribute(type, length + 1)
      buffer.write(value, start)
    },
    bytes(type, value) {
      const start = attribute(type, value.length)
      buffer.set(value, start)
    },
    reserve: attribute,
    append(attributes) {
      ensure(attributes.length)
      buffer.set(attributes, at)
      at += attributes.length
    },
    buffer: () => buffer,
    length: () => at,
    finish: () => buffer.subarray(0, at),
  }
}
