import { WireError } from './wire-error.ts'

/*
 * Netlink is in host byte order. Every machine that Node runs on and Kubernetes supports here (x64, arm64) is little-endian; what the
 * network sees (addresses, some ports) is big-endian and named so.
 */

export function u8(value: number): Uint8Array {
  return Uint8Array.of(value)
}

export function u16(value: number): Uint8Array {
  return Uint8Array.of(value, value >>> 8)
}

export function u16BE(value: number): Uint8Array {
  return Uint8Array.of(value >>> 8, value)
}

export function u32(value: number): Uint8Array {
  return Uint8Array.of(value, value >>> 8, value >>> 16, value >>> 24)
}

/** UTF-8 with the zero byte that ends it. */
export function zeroEnded(text: string): Uint8Array {
  return Buffer.from(`${text}\0`)
}

export function concat(parts: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat(parts)
}

export function readU8(bytes: Uint8Array, offset: number, what: string): number {
  need(bytes, offset, 1, what)
  return bytes[offset]!
}

export function readU16(bytes: Uint8Array, offset: number, what: string): number {
  need(bytes, offset, 2, what)
  return bytes[offset]! | (bytes[offset + 1]! << 8)
}

export function readU16BE(bytes: Uint8Array, offset: number, what: string): number {
  need(bytes, offset, 2, what)
  return (bytes[offset]! << 8) | bytes[offset + 1]!
}

export function readU32(bytes: Uint8Array, offset: number, what: string): number {
  return readI32(bytes, offset, what) >>> 0
}

export function readI32(bytes: Uint8Array, offset: number, what: string): number {
  need(bytes, offset, 4, what)
  return (
    bytes[offset]! |
    (bytes[offset + 1]! << 8) |
    (bytes[offset + 2]! << 16) |
    (bytes[offset + 3]! << 24)
  )
}

/** Text up to its zero byte, or to the end where there is none (IFLA_INFO_KIND is sent both ways). */
export function readText(bytes: Uint8Array): string {
  const end = bytes.indexOf(0)
  return Buffer.from(bytes.buffer, bytes.byteOffset, end < 0 ? bytes.length : end).toString()
}

export function need(bytes: Uint8Array, offset: number, length: number, what: string): void {
  if (offset + length > bytes.length) {
    throw new WireError(what, offset, `${bytes.length - offset} of ${length} bytes are there`)
  }
}
