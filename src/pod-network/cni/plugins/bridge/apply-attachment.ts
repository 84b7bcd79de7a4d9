import { setTimeout as delay } from 'node:timers/promises'
import { familyOf } from '#ip/ip.ts'
import type { Link, Rtnetlink } from '#kernel/netlink/model.ts'
import { openRtnetlink } from '#kernel/netlink/rtnetlink.ts'
import type { Netns } from '#kernel/netns/netns.ts'
import { fail } from '../../protocol/cni-error.ts'
import type { PluginHost } from '../plugin.ts'
import { setSysctl, sysctlName } from '../pod-interface/set-sysctl.ts'
import { applyVLANs } from './apply-bridge.ts'
import type { AttachmentPlan } from './plan-attachment.ts'

/** Lays the cable from the bridge into the pod. */
export function applyVeth(
  { bridge, veth, pod }: AttachmentPlan,
  { rtnetlink, netns }: PluginHost,
  podNetns: Netns,
): Link {
  const { mtuBytes, mac, name, hairpin, isolated } = veth
  const link = rtnetlink.addLink({
    kind: 'veth',
    name,
    master: bridge.name,
    up: true,
    ...(mtuBytes && { mtuBytes }),
    ...(mac && { mac }),
    peer: {
      name: pod.device,
      netns: podNetns,
      ...(mtuBytes && { mtuBytes }),
      ...(pod.mac && { mac: pod.mac }),
    },
  })
  try {
    setSysctl(`net.ipv6.conf.${name}.accept_ra`, '0', netns)
    if (hairpin || isolated) rtnetlink.setLink(name, { hairpin, isolated })
    if (veth.vlans) applyVLANs(rtnetlink, name, veth.vlans)
    return link
  } catch (error) {
    rtnetlink.deleteLink(name)
    throw error
  }
}

/** A cable that somebody pulled out of the bridge, switched off or set up otherwise, as {@link applyVeth} made it. */
export function connectVeth({ bridge, veth }: AttachmentPlan, { rtnetlink }: PluginHost): void {
  const { name, mtuBytes, mac, hairpin, isolated } = veth
  const settings = { ...(mtuBytes && { mtuBytes }), ...(mac && { mac }) }
  rtnetlink.setLink(name, { master: bridge.name, up: true, ...settings })
  if (hairpin || isolated) rtnetlink.setLink(name, { hairpin, isolated })
  if (veth.vlans) applyVLANs(rtnetlink, name, veth.vlans)
}

/** The pod's own side. @returns the interface as it is now */
export async function applyPod({ pod }: AttachmentPlan, podNetns: Netns): Promise<Link> {
  using rtnetlink = openRtnetlink(podNetns)
  const { device, detectDuplicates } = pod
  if (!pod.up) return rtnetlink.link(device)!
  for (const [name, value] of podSysctls(pod)) setSysctl(name, value, podNetns)
  rtnetlink.setLink(device, { up: true })
  for (const address of pod.addresses)
    rtnetlink.replaceAddress({ device, address, detectDuplicates })
  if (detectDuplicates) await settleAddresses(rtnetlink, device)
  for (const route of pod.routes) rtnetlink.replaceRoute(route)
  return rtnetlink.link(device)!
}

/** Those of the pod's namespace. */
export function podSysctls(pod: AttachmentPlan['pod']): ReadonlyMap<string, string> {
  const sysctls = new Map<string, string>()
  const name = sysctlName(pod.device)
  if (pod.addresses.some(({ address }) => familyOf(address) === 6)) {
    // Container runtimes turn it off where they see no use for it.
    for (const each of ['lo', name]) sysctls.set(`net.ipv6.conf.${each}.disable_ipv6`, '0')
    sysctls.set(`net.ipv6.conf.${name}.keep_addr_on_down`, '1')
    // Without: its link-local address is usable at once, for who else should have it?
    if (pod.detectDuplicates) sysctls.set(`net.ipv6.conf.${name}.enhanced_dad`, '1')
    sysctls.set(`net.ipv6.conf.${name}.accept_dad`, pod.detectDuplicates ? '1' : '0')
    // As below; of IPv6 no node can be told to send none (ip6_forward() in net/ipv6/ip6_output.c).
    if (pod.ignoreRedirects) sysctls.set(`net.ipv6.conf.${name}.accept_redirects`, '0')
  }
  // Neighbours that remember who had the address before are told at once.
  if (pod.addresses.length > 0) sysctls.set(`net.ipv4.conf.${name}.arp_notify`, '1')
  // "Send to your neighbour directly": past the node, which then could not translate. The node sends none where we may say so.
  for (const each of pod.ignoreRedirects ? ['all', name] : []) {
    sysctls.set(`net.ipv4.conf.${each}.accept_redirects`, '0')
  }
  return sysctls
}

const SETTLE_TIMEOUT_MS = 5000
const SETTLE_INTERVAL_MS = 50

/** Waits until no address of the link is tentative any more. @throws CNIError in upstream's words (pkg/ip/addr_linux.go) */
async function settleAddresses(rtnetlink: Rtnetlink, device: string): Promise<void> {
  const deadline = performance.now() + SETTLE_TIMEOUT_MS
  for (;;) {
    const own = rtnetlink.addresses({ device })
    const refused = own.find(({ duplicate }) => duplicate)
    if (refused) {
      const { address } = refused.address
      throw fail(`link ${device} has address ${address} in DADFAILED state`)
    }
    if (!own.some(({ tentative }) => tentative)) return
    if (performance.now() > deadline) {
      throw fail(`link ${device} still has tentative addresses after 5 seconds`)
    }
    await delay(SETTLE_INTERVAL_MS)
  }
}

/** A port forwards at once, unless the bridge speaks STP; the kernel says so from a thread of its own. In all as long as upstream (0, 50, 500, 1000, 1000). */
const PORT_WAITS_MS = [0, 1, 2, 4, 8, 15, 20, 500, 1000, 1000]

/** @returns the port as it is now @throws CNIError where frames still do not pass it after all that */
export async function requirePortUp({ rtnetlink }: PluginHost, port: string): Promise<Link> {
  for (const wait of PORT_WAITS_MS) {
    if (wait > 0) await delay(wait)
    const link = rtnetlink.link(port)
    if (link?.operUp) return link
  }
  throw fail(
    `bridge port in error state: ${rtnetlink.link(port)?.up ? 'lower-layer-down' : 'down'}`,
  )
}
