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

/** What the parts of a set's keys are, worked out once for all its elements. */
export interface KeyLayout {
  readonly bytes: number
  readonly parts: readonly ('address' | 'protocol' | 'port' | 'number')[]
}

export function layoutOfKey(key: readonly Field[], family: Family): KeyLayout {
  return {
    bytes: key.length === 1 ? fieldBytes(key[0]!, family) : keyBytes(key, family),
    parts: key.map((field) => {
      if (isOwnNumber(field)) return 'number'
      if (field === 'meta l4proto') return 'protocol'
      return isAddress(field) ? 'address' : 'port'
    }),
  }
}

/**
 * Writes the parts of a key at `at`, which are zero so far.
 *
 * @param isEnd writes the last address of a network instead of its first
 */
export function writeKey(
  buffer: Uint8Array,
  at: number,
  values: Element['key'],
  { parts }: KeyLayout,
  isEnd = false,
): void {
  for (let i = 0; i < parts.length; i++) {
    const value = values[i]!
    if (parts[i] === 'address') {
      const address = typeof value === 'object' ? boundOf(value, isEnd) : (value as IP)
      at = writeIP(buffer, at, address)
    } else if (parts[i] === 'protocol') {
      buffer[at] = PROTOCOLS[value as Protocol]
      at += 4
    } else if (parts[i] === 'port') at = writePort(buffer, at, value as number)
    else at = writeNumber(buffer, at, value as number)
  }
}

/** In network order. Returns where the next field begins. */
export function writePort(buffer: Uint8Array, at: number, port: number): number {
  checkNumber(port, 0xffff)
  buffer[at] = port >> 8
  buffer[at + 1] = port
  return at + 4
}

/** As this machine has numbers. Returns where the next field begins. */
export function writeNumber(buffer: Uint8Array, at: number, value: number): number {
  checkNumber(value, 0xffff_ffff)
  for (let i = 0; i < 4; i++) buffer[at + i] = value >>> (8 * i)
  return at + 4
}

function checkNumber(value: number, max: number): void {
  if (!Number.isInteger(value) || value < 0 || value > max)
    throw new RangeError(`Cannot write ${value} into a key: it is out of range`)
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

function boundOf(network: CIDR, isEnd: boolean): IP {
  const { address } = network
  if (!isEnd) return address
  return ipFromBigInt(ipToBigInt(address) + cidrSize(network) - 1n, familyOf(address))
}
