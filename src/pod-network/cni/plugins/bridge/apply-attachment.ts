import { familyOf } from '#ip/ip.ts'
import { KernelError } from '#kernel/kernel-error.ts'
import type { Link, Rtnetlink } from '#kernel/netlink/model.ts'
import { openRtnetlink } from '#kernel/netlink/rtnetlink.ts'
import type { Netns } from '#kernel/netns/netns.ts'
import { readSysctl, writeSysctl } from '#kernel/sysctl/sysctl.ts'
import { CNI_CODE, CNIError } from '../../protocol/cni-error.ts'
import type { PluginHost } from '../plugin.ts'
import type { BridgeConfig } from './config.ts'
import { type AttachmentPlan, planBridgeAddresses } from './plan-attachment.ts'

/** Makes the bridge, or completes the one that is there. Many pods share it, so that no failed ADD takes it away again. */
export function applyBridge(
  { bridge }: AttachmentPlan,
  config: BridgeConfig,
  { rtnetlink, netns }: PluginHost,
): Link {
  const { name, mtuBytes, mac, addresses } = bridge
  const held = rtnetlink.link(name)
  if (held && held.kind !== 'bridge') {
    const message = `failed to create bridge "${name}": "${name}" already exists but is not a bridge`
    throw new CNIError(CNI_CODE.internal, message)
  }
  if (!held) createBridge(rtnetlink, { name, ...(mtuBytes && { mtuBytes }), ...(mac && { mac }) })
  else if (!held.up) rtnetlink.setLink(name, { up: true })
  if (config.hostPrefix) setSysctl(`net.ipv4.conf.${name}.send_redirects`, '0', netns)
  if (addresses.length > 0) {
    const observed = rtnetlink.addresses().filter(({ device }) => device === name)
    const { add, remove } = planBridgeAddresses(
      bridge,
      observed.filter(({ scope = 0 }) => scope === 0).map(({ address }) => address),
      config,
    )
    for (const address of remove) rtnetlink.deleteAddress({ device: name, address })
    for (const address of add) rtnetlink.replaceAddress({ device: name, address })
    for (const family of new Set(addresses.map(({ address }) => familyOf(address)))) {
      const forwarding = family === 4 ? 'net.ipv4.ip_forward' : 'net.ipv6.conf.all.forwarding'
      setSysctl(forwarding, '1', netns)
    }
  }
  return rtnetlink.link(name)!
}

/** Another process may be first. */
function createBridge(
  rtnetlink: Rtnetlink,
  bridge: Pick<AttachmentPlan['bridge'], 'name' | 'mtuBytes' | 'mac'>,
): void {
  try {
    rtnetlink.addLink({ kind: 'bridge', up: true, ...bridge })
  } catch (error) {
    if (!(error instanceof KernelError && error.errno === 'EEXIST')) throw error
  }
}

/** Lays the cable from the bridge into the pod. */
export function applyVeth(
  { bridge, veth, pod }: AttachmentPlan,
  host: PluginHost,
  podNetns: Netns,
): Link {
  const { mtuBytes } = veth
  const link = host.rtnetlink.addLink({
    kind: 'veth',
    name: veth.name,
    master: bridge.name,
    up: true,
    ...(mtuBytes && { mtuBytes }),
    peer: {
      name: pod.device,
      netns: podNetns,
      ...(mtuBytes && { mtuBytes }),
      ...(pod.mac && { mac: pod.mac }),
    },
  })
  if (veth.hairpin) host.rtnetlink.setLink(veth.name, { hairpin: true })
  return link
}

/** The pod's own side. @returns the interface as it is now */
export function applyPod({ pod }: AttachmentPlan, podNetns: Netns): Link {
  using rtnetlink = openRtnetlink(podNetns)
  const { device } = pod
  if (pod.addresses.some(({ address }) => familyOf(address) === 6)) {
    // Its link-local address is usable at once: who else should have it?
    setSysctl(`net.ipv6.conf.${device.replaceAll('.', '/')}.accept_dad`, '0', podNetns)
  }
  // "Send to your neighbour directly": past the node, which then could not translate. The node sends none where we may say so.
  for (const name of pod.ignoreRedirects ? ['all', device] : []) {
    setSysctl(`net.ipv4.conf.${name.replaceAll('.', '/')}.accept_redirects`, '0', podNetns)
  }
  rtnetlink.setLink(device, { up: true })
  for (const address of pod.addresses) rtnetlink.replaceAddress({ device, address })
  for (const route of pod.routes) rtnetlink.replaceRoute(route)
  return rtnetlink.link(device)!
}

/** @throws CNIError where the pod has an interface of that name */
export function requireFreeName(podNetns: Netns, ifname: string): void {
  using rtnetlink = openRtnetlink(podNetns)
  if (!rtnetlink.link(ifname)) return
  const message = `container veth name provided (${ifname}) already exists`
  throw new CNIError(CNI_CODE.internal, message)
}

/** Written only where it differs: /proc/sys may be read-only, and right already. */
function setSysctl(name: string, value: string, netns: Netns): void {
  if (readSysctl(name, netns) !== value) writeSysctl(name, value, netns)
}
