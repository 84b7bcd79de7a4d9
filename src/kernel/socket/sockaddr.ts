import { familyOf, type IP, ipToBytes } from '#ip/ip.ts'

export const AF_INET = 2
export const AF_INET6 = 10

export function addressFamily(address: IP): number {
  return familyOf(address) === 4 ? AF_INET : AF_INET6
}

/**
 * `struct sockaddr_in` (16 bytes) or `struct sockaddr_in6` (28 bytes): the family in host order, port and address in network order.
 * Source: ip(7), ipv6(7).
 */
export function encodeSocketAddress(address: IP, port: number): Uint8Array {
  const isV4 = familyOf(address) === 4
  const bytes = new Uint8Array(isV4 ? 16 : 28)
  const view = new DataView(bytes.buffer)
  view.setUint16(0, addressFamily(address), true)
  view.setUint16(2, port)
  bytes.set(ipToBytes(address), isV4 ? 4 : 8)
  return bytes
}
