import { type IP, ipToBytes } from '#ip/ip.ts'
import { type MAC, macToBytes } from '#ip/mac.ts'

const ETHERTYPE_ARP = 0x0806
const ETHERNET = 1
const ETHERTYPE_IPV4 = 0x0800
/** RFC 826, ares_op$. */
const OPERATIONS = { request: 1, reply: 2 } as const

/** The frame by which a host tells all on an Ethernet link that an IPv4 address is its own (RFC 826; RFC 5227 section 3, ARP announcement). */
export function encodeARPAnnouncement(
  operation: keyof typeof OPERATIONS,
  { ip, mac }: { readonly ip: IP; readonly mac: MAC },
): Uint8Array {
  const [own, broadcast, address] = [macToBytes(mac), new Uint8Array(6).fill(0xff), ipToBytes(ip)]
  const fixed = Buffer.alloc(8)
  fixed.writeUInt16BE(ETHERNET, 0)
  fixed.writeUInt16BE(ETHERTYPE_IPV4, 2)
  fixed[4] = own.length
  fixed[5] = address.length
  fixed.writeUInt16BE(OPERATIONS[operation], 6)
  const type = Uint8Array.of(ETHERTYPE_ARP >> 8, ETHERTYPE_ARP & 0xff)
  // A question has nobody's hardware address for its target, an answer everybody's.
  const target = operation === 'request' ? new Uint8Array(6) : broadcast
  return Buffer.concat([broadcast, own, type, fixed, own, address, target, address])
}
