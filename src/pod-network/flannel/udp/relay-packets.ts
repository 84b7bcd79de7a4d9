import type { CIDR } from '#ip/cidr.ts'
import { type IP, ipToBytes } from '#ip/ip.ts'

/* What flannel's udp relay does to IPv4 packets (pkg/backend/udp/proxy_amd64.c): finds the node, counts the hop, or says that there is none. */

const HEADER_BYTES = 20
const PROTOCOL_ICMP = 1
const TTL = 8
const PROTOCOL = 9
const CHECKSUM = 10
const SOURCE = 12
const DESTINATION = 16

/** Whether the bytes begin with the whole header of an IPv4 packet. */
export function isIPv4(packet: Uint8Array, length: number): boolean {
  const headerBytes = (packet[0]! & 15) * 4
  return (
    length >= HEADER_BYTES &&
    packet[0]! >> 4 === 4 &&
    headerBytes >= HEADER_BYTES &&
    headerBytes <= length
  )
}

/** Routes by destination: the longest prefix wins. */
export function createRoutingTable<T>(
  routes: readonly { readonly subnet: CIDR; readonly to: T }[],
): (packet: Uint8Array) => T | undefined {
  const byLength = new Map<number, Map<number, T>>()
  for (const { subnet, to } of routes) {
    const { prefixLength } = subnet
    const tables = byLength.get(prefixLength) ?? new Map<number, T>()
    byLength.set(prefixLength, tables)
    tables.set(prefixOf(readU32(ipToBytes(subnet.address), 0), prefixLength), to)
  }
  const longestFirst = [...byLength].toSorted(([a], [b]) => b - a)
  return (packet) => {
    const destination = readU32(packet, DESTINATION)
    for (const [length, table] of longestFirst) {
      const found = table.get(prefixOf(destination, length))
      if (found !== undefined) return found
    }
    return undefined
  }
}

function prefixOf(address: number, length: number): number {
  return length === 0 ? 0 : address >>> (32 - length)
}

/** One hop less, with the checksum (RFC 1624). @returns false where none is left: the packet ends here */
export function countHop(packet: Uint8Array): boolean {
  const ttl = packet[TTL]! - 1
  if (ttl <= 0) return false
  packet[TTL] = ttl
  const sum = ((packet[CHECKSUM]! << 8) | packet[CHECKSUM + 1]!) + 0x100
  const folded = (sum & 0xffff) + (sum >> 16)
  packet[CHECKSUM] = folded >> 8
  packet[CHECKSUM + 1] = folded & 255
  return true
}

/** ICMP "network unreachable" (RFC 792) for a packet that no route takes; `undefined` for those that must not be answered. */
export function networkUnreachable(
  packet: Uint8Array,
  length: number,
  from: IP,
): Uint8Array | undefined {
  const headerBytes = (packet[0]! & 15) * 4
  const isLaterFragment = (((packet[6]! << 8) | packet[7]!) & 0x1fff) !== 0
  if (packet[PROTOCOL] === PROTOCOL_ICMP || isLaterFragment) return undefined
  const quoted = packet.subarray(0, Math.min(length, headerBytes + 8))
  const answer = new Uint8Array(HEADER_BYTES + 8 + quoted.length)
  const view = new DataView(answer.buffer)
  answer[0] = 0x45
  view.setUint16(2, answer.length)
  answer[TTL] = 8
  answer[PROTOCOL] = PROTOCOL_ICMP
  answer.set(ipToBytes(from), SOURCE)
  answer.set(packet.subarray(SOURCE, SOURCE + 4), DESTINATION)
  view.setUint16(CHECKSUM, checksum(answer.subarray(0, HEADER_BYTES)))
  answer[HEADER_BYTES] = 3 // destination unreachable, code 0: network
  answer.set(quoted, HEADER_BYTES + 8)
  view.setUint16(HEADER_BYTES + 2, checksum(answer.subarray(HEADER_BYTES)))
  return answer
}

/** RFC 1071. */
export function checksum(bytes: Uint8Array): number {
  let sum = 0
  for (let i = 0; i < bytes.length; i += 2) sum += (bytes[i]! << 8) | (bytes[i + 1] ?? 0)
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16)
  return ~sum & 0xffff
}

function readU32(bytes: Uint8Array, at: number): number {
  return (
    ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0
  )
}
