import { type IP, ipFromBytes } from '#ip/ip.ts'
import { type MAC, macFromBytes } from '#ip/mac.ts'
import { concat, need, readU16, u16 } from './bytes.ts'
import { WireError } from './wire-error.ts'

/** Type → value; where one comes twice the last wins, as in the kernel's nla_parse(). */
export type Attributes = ReadonlyMap<number, Uint8Array>

/** `struct nlattr`: length with this header, type, value, padding to 4 (include/uapi/linux/netlink.h). */
const HEADER_BYTES = 4
/** Without NLA_F_NESTED and NLA_F_NET_BYTEORDER. */
const TYPE_MASK = 0x3fff
export const NLA_F_NESTED = 0x8000

const PADDING = [new Uint8Array(0), new Uint8Array(3), new Uint8Array(2), new Uint8Array(1)]

export function attribute(type: number, value: Uint8Array): Uint8Array {
  const length = HEADER_BYTES + value.length
  return concat([u16(length), u16(type), value, PADDING[length % 4]!])
}

/** An attribute made of attributes; those left out are `undefined`. */
export function nested(type: number, attributes: readonly (Uint8Array | undefined)[]): Uint8Array {
  return attribute(type, concatAttributes(attributes))
}

export function concatAttributes(attributes: readonly (Uint8Array | undefined)[]): Uint8Array {
  return concat(attributes.filter((each) => each !== undefined))
}

/** An attribute where there is a value for it. */
export function optional<T>(
  type: number,
  value: T | undefined,
  encode: (value: T) => Uint8Array,
): Uint8Array | undefined {
  return value === undefined ? undefined : attribute(type, encode(value))
}

/** Reads the attributes that fill `bytes` from `offset` on. The values are views, not copies. */
export function decodeAttributes(bytes: Uint8Array, offset: number, what: string): Attributes {
  return new Map(listAttributes(bytes, offset, what))
}

/** As {@link decodeAttributes}, in order, for those of which there may be several of one type. */
export function listAttributes(
  bytes: Uint8Array,
  offset: number,
  what: string,
): readonly (readonly [type: number, value: Uint8Array])[] {
  need(bytes, 0, offset, what)
  const attributes: [number, Uint8Array][] = []
  for (let at = offset; at < bytes.length; ) {
    const length = readU16(bytes, at, what)
    const type = readU16(bytes, at + 2, what) & TYPE_MASK
    if (length < HEADER_BYTES) throw new WireError(what, at, `attribute of ${length} bytes`)
    need(bytes, at, length, what)
    attributes.push([type, bytes.subarray(at + HEADER_BYTES, at + length)])
    at += (length + 3) & ~3 // the last one's padding may be missing
  }
  return attributes
}

/** The value decoded, where the attribute is there. */
export function decodeOptional<T>(
  attributes: Attributes,
  type: number,
  decode: (value: Uint8Array) => T,
): T | undefined {
  const value = attributes.get(type)
  return value && decode(value)
}

export function decodeIP(value: Uint8Array): IP {
  if (value.length === 4 || value.length === 16) return ipFromBytes(value)
  throw new WireError('IP address', 0, `${value.length} bytes`)
}

/** Links that are no Ethernet have addresses of other lengths (an IP tunnel's is an IP): `undefined`. */
export function decodeMAC(value: Uint8Array): MAC | undefined {
  return value.length === 6 ? macFromBytes(value) : undefined
}
