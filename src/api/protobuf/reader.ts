/** Reads protobuf's wire format (protobuf.dev/programming-guides/encoding). Every length is checked. */
export class ProtobufError extends Error {
  override readonly name = 'ProtobufError'
}

export type WireValue = bigint | Uint8Array

export interface WireField {
  readonly number: number
  /** A varint, or what a length, 32 or 64 bits hold. */
  readonly value: WireValue
}

const varint = 0
const fixed64 = 1
const lengthDelimited = 2
const fixed32 = 5

/** @throws ProtobufError where the bytes end early or hold a wire type that proto2 messages do not have. */
export function* readFields(bytes: Uint8Array): Generator<WireField> {
  const cursor = { bytes, at: 0 }
  while (cursor.at < bytes.length) {
    const tag = Number(readVarint(cursor))
    const number = Math.floor(tag / 8)
    if (number === 0) throw new ProtobufError('proto: illegal tag 0')
    switch (tag % 8) {
      case varint:
        yield { number, value: readVarint(cursor) }
        break
      case fixed64:
        yield { number, value: take(cursor, 8) }
        break
      case lengthDelimited:
        yield { number, value: take(cursor, Number(readVarint(cursor))) }
        break
      case fixed32:
        yield { number, value: take(cursor, 4) }
        break
      default:
        throw new ProtobufError(`proto: illegal wireType ${tag % 8}`)
    }
  }
}

interface Cursor {
  readonly bytes: Uint8Array
  at: number
}

function readVarint(cursor: Cursor): bigint {
  let value = 0n
  for (let shift = 0n; shift < 70n; shift += 7n) {
    const byte = cursor.bytes[cursor.at++]
    if (byte === undefined) throw new ProtobufError('unexpected EOF')
    value |= BigInt(byte & 0x7f) << shift
    if (byte < 0x80) return value & 0xffff_ffff_ffff_ffffn
  }
  throw new ProtobufError('proto: integer overflow')
}

/** Numbers packed into one field. */
export function readPacked(bytes: Uint8Array): bigint[] {
  const cursor = { bytes, at: 0 }
  const values: bigint[] = []
  while (cursor.at < bytes.length) values.push(readVarint(cursor))
  return values
}

function take(cursor: Cursor, length: number): Uint8Array {
  const end = cursor.at + length
  if (end > cursor.bytes.length) throw new ProtobufError('unexpected EOF')
  const part = cursor.bytes.subarray(cursor.at, end)
  cursor.at = end
  return part
}
