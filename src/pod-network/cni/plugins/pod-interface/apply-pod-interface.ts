import { familyOf } from '#ip/ip.ts'
import { openRtnetlink } from '#kernel/netlink/rtnetlink.ts'
import type { Netns } from '#kernel/netns/netns.ts'
import type { PodInterfacePlan } from './plan-pod-interface.ts'
import { setSysctl, sysctlName } from './set-sysctl.ts'

/** Sets the interface up with its addresses and routes. */
export function applyPodInterface(plan: PodInterfacePlan, netns: Netns): void {
  using rtnetlink = openRtnetlink(netns)
  const { device } = plan
  if (plan.addresses.some(({ address }) => familyOf(address) === 6)) enableIPv6(device, netns)
  rtnetlink.setLink(device, { up: true })
  for (const address of plan.addresses) rtnetlink.replaceAddress({ device, address })
  for (const route of plan.removedRoutes) rtnetlink.deleteRoute(route)
  for (const route of plan.routes) rtnetlink.replaceRoute(route)
}

/** Neighbours that remember who had the address before are told at once. */
export function announceAddresses(device: string, netns: Netns): void {
  setSysctl(`net.ipv4.conf.${sysctlName(device)}.arp_notify`, '1', netns)
  setSysctl(`net.ipv6.conf.${sysctlName(device)}.ndisc_notify`, '1', netns)
}

/** So that the node forwards what the pod sends and is sent. */
export function enableForwarding(families: Iterable<4 | 6>, netns: Netns): void {
  for (const family of new Set(families)) {
    const sysctl = family === 4 ? 'net.ipv4.ip_forward' : 'net.ipv6.conf.all.forwarding'
    setSysctl(sysctl, '1', netns)
  }
}

/** Container runtimes turn IPv6 off; its addresses are usable at once, since nobody else can have them. */
function enableIPv6(device: string, netns: Netns): void {
  const name = sysctlName(device)
  for (const each of ['lo', name]) setSysctl(`net.ipv6.conf.${each}.disable_ipv6`, '0', netns)
  setSysctl(`net.ipv6.conf.${name}.keep_addr_on_down`, '1', netns)
  setSysctl(`net.ipv6.conf.${name}.accept_dad`, '0', netns)
}
