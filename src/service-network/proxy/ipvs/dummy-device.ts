import { type Family, familyOf, type IP } from '#ip/ip.ts'
import type { Rtnetlink } from '#kernel/netlink/model.ts'
import { DEVICE } from './plan-ipvs.ts'

/** The addresses of one family on `kube-ipvs0`; none where there is no such device. */
export function boundAddresses(rtnetlink: Rtnetlink, family: Family): ReadonlySet<IP> {
  const bound = rtnetlink
    .addresses()
    .filter(({ device, address }) => device === DEVICE && familyOf(address.address) === family)
    // IPv6 gives every device that is up one of its own.
    .filter(({ address }) => !address.address.startsWith('fe80:'))
  return new Set(bound.map(({ address }) => address.address))
}

/** A device that sends nothing: addresses on it are the node's own, and no link's. */
export function ensureDevice(rtnetlink: Rtnetlink): void {
  if (!rtnetlink.link(DEVICE)) rtnetlink.addLink({ kind: 'dummy', name: DEVICE })
}

export function bind(rtnetlink: Rtnetlink, addresses: Iterable<IP>): void {
  for (const address of addresses) {
    rtnetlink.replaceAddress({ device: DEVICE, address: hostCIDR(address) })
  }
}

export function unbind(rtnetlink: Rtnetlink, addresses: Iterable<IP>): void {
  for (const address of addresses) {
    rtnetlink.deleteAddress({ device: DEVICE, address: hostCIDR(address) })
  }
}

/** Takes the device away once neither family has an address on it. */
export function removeDeviceIfUnused(rtnetlink: Rtnetlink): void {
  if (boundAddresses(rtnetlink, 4).size + boundAddresses(rtnetlink, 6).size > 0) return
  rtnetlink.deleteLink(DEVICE)
}

function hostCIDR(address: IP) {
  return { address, prefixLength: familyOf(address) === 4 ? 32 : 128 }
}
