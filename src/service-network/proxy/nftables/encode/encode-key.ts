import { type CIDR, cidrSize } from '#ip/cidr.ts'
import { type Family, familyOf, type IP, ipFromBigInt, ipToBigInt, ipToBytes } from '#ip/ip.ts'
import type { Protocol } from '../../../model.ts'
import type { Element, Field } from '../nft-plan.ts'

/*
 * How keys and values lie in registers: each field begins at a multiple of 4 bytes. Addresses, ports and protocols are as on the wire; a
 * slot, which is no field of a packet, is as this machine has numbers.
 */

const PROTOCOLS: Readonly<Record<Protocol, number>> = { tcp: 6, udp: 17, sctp: 132 }
/** IANA's number. */
export function protocolNumber(protocol: Protocol): number {
  return PROTOCOLS[protocol]
}

export function protocolOfNumber(number: number): Protocol | undefined {
  return (Object.keys(PROTOCOLS) as Protocol[]).find((protocol) => PROTOCOLS[protocol] === number)
}

/** How many bytes a field takes of a register, without padding. */
export function fieldBytes(field: Field, family: Family): number {
  if (isOwnNumber(field)) return 4
  if (field === 'meta l4proto') return 1
  return isAddress(field) ? addressBytes(family) : 2
}

export function isAddress(field: Field): boolean {
  return field.endsWith('addr')
}

export function addressBytes(family: Family): number {
  return family === 4 ? 4 : 16
}

export function padded(bytes: number): number {
  return (bytes + 3) & ~3
}

export function keyBytes(key: readonly Field[], family: Family): number {
  return key.reduce((sum, field) => sum + padded(fieldBytes(field, family)), 0)
}

/**
 * Writes the parts of a key at `at`, which are zero so far.
 *
 * @param isEnd writes the last address of a network instead of its first
 */
export function writeKey(
  buffer: Uint8Array,
  at: number,
  parts: Element['key'],
  fields: readonly Field[],
  isEnd = false,
): void {
  for (const [i, part] of parts.entries()) {
    if (typeof part === 'number') at = writeNumber(buffer, at, part, isOwnNumber(fields[i]!))
    else if (typeof part === 'object') {
      at = writeIP(buffer, at, isEnd ? lastAddress(part) : part.address)
    } else if (part in PROTOCOLS) {
      buffer[at] = PROTOCOLS[part as Protocol]
      at += 4
    } else at = writeIP(buffer, at, part as IP)
  }
}

export function writeNumber(buffer: Uint8Array, at: number, value: number, isOwn: boolean): number {
  if (!Number.isInteger(value) || value < 0 || value > (isOwn ? 0xffff_ffff : 0xffff))
    throw new RangeError(`Cannot write ${value} into a key: it is out of range`)
  for (let i = 0; i < 4; i++) buffer[at + i] = value >>> (8 * i)
  if (isOwn) return at + 4
  buffer[at] = value >> 8
  buffer[at + 1] = value
  return at + 4
}

/** Of this machine, not of a packet. */
function isOwnNumber(field: Field): boolean {
  return field === 'slot' || field === 'meta priority'
}

/** Returns where the next field begins. @throws SyntaxError */
export function writeIP(buffer: Uint8Array, at: number, ip: IP): number {
  const end = writeV4(buffer, at, ip)
  if (end > 0) return end
  const bytes = ipToBytes(ip)
  buffer.set(bytes, at)
  return at + bytes.length
}

/** Without a list and a number for each octet: a big table has a hundred thousand of them. Returns 0 where the text is not IPv4. */
function writeV4(buffer: Uint8Array, at: number, text: string): number {
  let octet = 0
  let next = at
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code === 0x2e) {
      buffer[next++] = octet
      octet = 0
    } else if (code >= 0x30 && code <= 0x39) octet = octet * 10 + code - 0x30
    else return 0
  }
  buffer[next++] = octet
  if (next !== at + 4) throw new SyntaxError(`Cannot write ${JSON.stringify(text)} into a key`)
  return next
}

function lastAddress(network: CIDR): IP {
  const { address } = network
  return ipFromBigInt(ipToBigInt(address) + cidrSize(network) - 1n, familyOf(address))
}
