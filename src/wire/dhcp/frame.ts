import { type IP, ipFromBytes, ipToBytes } from '#ip/ip.ts'
import { type MAC, macFromBytes, macToBytes } from '#ip/mac.ts'

/** A UDP packet of IPv4 in an Ethernet frame: how a client without an address talks. */
export interface UDPFrame {
  readonly from: { readonly mac: MAC; readonly ip: IP; readonly port: number }
  readonly to: { readonly mac: MAC; readonly ip: IP; readonly port: number }
  readonly payload: Uint8Array
}

const [ETHERNET_BYTES, IP_BYTES, UDP_BYTES] = [14, 20, 8]
const ETHERTYPE_IPV4 = 0x0800
const PROTOCOL_UDP = 17
const TTL = 64

export function encodeUDPFrame({ from, to, payload }: UDPFrame): Uint8Array {
  const frame = Buffer.alloc(ETHERNET_BYTES + IP_BYTES + UDP_BYTES + payload.length)
  frame.set(macToBytes(to.mac), 0)
  frame.set(macToBytes(from.mac), 6)
  frame.writeUInt16BE(ETHERTYPE_IPV4, 12)
  const ip = frame.subarray(ETHERNET_BYTES)
  ip[0] = 0x45
  ip.writeUInt16BE(ip.length, 2)
  ip[8] = TTL
  ip[9] = PROTOCOL_UDP
  ip.set(ipToBytes(from.ip), 12)
  ip.set(ipToBytes(to.ip), 16)
  ip.writeUInt16BE(checksum(ip.subarray(0, IP_BYTES)), 10)
  const udp = ip.subarray(IP_BYTES)
  udp.writeUInt16BE(from.port, 0)
  udp.writeUInt16BE(to.port, 2)
  udp.writeUInt16BE(udp.length, 4)
  udp.set(payload, UDP_BYTES)
  // Over a header of addresses, protocol and length too (RFC 768); a sum of zero is written as its other form.
  const pseudo = Buffer.concat([
    ip.subarray(12, 20),
    Uint8Array.of(0, PROTOCOL_UDP),
    udp.subarray(4, 6),
  ])
  udp.writeUInt16BE(checksum(Buffer.concat([pseudo, udp])) || 0xffff, 6)
  return frame
}

/**
 * Undefined for all but whole UDP packets of IPv4. The UDP checksum is not looked at: between namespaces of one machine nobody has
 * computed it yet.
 */
export function decodeUDPFrame(bytes: Uint8Array): UDPFrame | undefined {
  const frame = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  if (frame.length < ETHERNET_BYTES + IP_BYTES + UDP_BYTES) return
  const ip = frame.subarray(ETHERNET_BYTES)
  const headerBytes = (ip[0]! & 0x0f) * 4
  const isWhole = (ip.readUInt16BE(6) & 0x3fff) === 0 // neither a fragment nor followed by one
  if (frame.readUInt16BE(12) !== ETHERTYPE_IPV4 || ip[0]! >> 4 !== 4 || headerBytes < IP_BYTES)
    return
  if (ip[9] !== PROTOCOL_UDP || !isWhole || ip.length < headerBytes + UDP_BYTES) return
  const udp = ip.subarray(headerBytes)
  const length = udp.readUInt16BE(4)
  if (length < UDP_BYTES || length > udp.length) return
  return {
    from: {
      mac: macFromBytes(frame.subarray(6, 12)),
      ip: ipFromBytes(ip.subarray(12, 16)),
      port: udp.readUInt16BE(0),
    },
    to: {
      mac: macFromBytes(frame.subarray(0, 6)),
      ip: ipFromBytes(ip.subarray(16, 20)),
      port: udp.readUInt16BE(2),
    },
    payload: Uint8Array.from(udp.subarray(UDP_BYTES, length)),
  }
}

/** RFC 1071. */
function checksum(bytes: Buffer): number {
  let sum = 0
  for (let at = 0; at < bytes.length; at += 2) {
    sum += (bytes[at]! << 8) | (bytes[at + 1] ?? 0)
  }
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
  return ~sum & 0xffff
}
