import type { CIDR } from '#ip/cidr.ts'
import { familyOf, ipFromBytes } from '#ip/ip.ts'
import { type MAC, macToBytes } from '#ip/mac.ts'
import type { Rtnetlink } from '#kernel/netlink/model.ts'

/**
 * Whoever speaks IPv6 asks for its neighbours from a link-local address, which the kernel takes when a link comes up, and not again.
 *
 * @param addresses the link's others: without one of IPv6 it needs none
 */
export function needsLinkLocal(
  device: string,
  addresses: readonly CIDR[],
  rtnetlink: Rtnetlink,
): boolean {
  if (!addresses.some(({ address }) => familyOf(address) === 6)) return false
  const held = rtnetlink.addresses().filter((each) => each.device === device)
  return !held.some(({ address: { address } }) => /^fe[89ab]/.test(address))
}

/** The one that the kernel would take. */
export function addLinkLocal(device: string, rtnetlink: Rtnetlink): void {
  const mac = rtnetlink.link(device)?.mac
  if (mac) rtnetlink.replaceAddress({ device, address: linkLocalOf(mac) })
}

/** RFC 4291, appendix A: the modified EUI-64. */
function linkLocalOf(mac: MAC): CIDR {
  const [first, ...rest] = macToBytes(mac)
  const eui64 = [first! ^ 0x02, ...rest.slice(0, 2), 0xff, 0xfe, ...rest.slice(2)]
  const prefix = [0xfe, 0x80, 0, 0, 0, 0, 0, 0]
  return { address: ipFromBytes(Uint8Array.of(...prefix, ...eui64)), prefixLength: 64 }
}
