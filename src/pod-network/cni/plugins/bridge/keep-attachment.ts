import { parseMAC } from '#ip/mac.ts'
import type { Link } from '#kernel/netlink/model.ts'
import { openRtnetlink } from '#kernel/netlink/rtnetlink.ts'
import type { Netns } from '#kernel/netns/netns.ts'
import type { CNICall } from '../../protocol/cni-call.ts'
import type { CNIAddress } from '../../protocol/result.ts'
import { parseConfig } from '../host-local/config.ts'
import { rangeOf } from '../host-local/ranges.ts'
import type { PluginHost } from '../plugin.ts'
import { keepPodInterface } from '../pod-interface/keep-pod-interface.ts'
import { applyPod, applyVeth, connectVeth } from './apply-attachment.ts'
import type { BridgeConfig } from './config.ts'
import { keepBridge } from './keep-bridge.ts'
import { type AttachmentPlan, planAttachment } from './plan-attachment.ts'

/**
 * Makes the bridge again and gives it back its addresses; lays the pod's cable anew where either end is gone, with the addresses, the
 * MAC addresses and the routes that it had; puts it back into the bridge, and gives the pod back its addresses and routes.
 *
 * @returns whether anything was missing
 */
export async function keepAttachment(
  call: CNICall,
  config: BridgeConfig,
  { host, netns }: { readonly host: PluginHost; readonly netns: Netns },
): Promise<boolean> {
  const plan = planAgain(call, config)
  if (!plan) return false
  const wasBridgeWhole = keepBridge(plan, config, host)
  using pod = openRtnetlink(netns)
  const [port, end] = [host.rtnetlink.link(plan.veth.name), pod.link(plan.pod.device)]
  if (!port || !isCable(port, end)) {
    // What is left of it, or is there under its name.
    if (port) host.rtnetlink.deleteLink(port.name)
    pod.deleteLink(plan.pod.device)
    applyVeth(plan, host, netns)
    await applyPod(plan, netns)
    return true
  }
  const wasPlugged = isPlugged(port, plan, host)
  if (!wasPlugged) connectVeth(plan, host)
  const wasPodWhole = !plan.pod.up || !keepPodInterface(plan.pod, pod)
  return !(wasBridgeWhole && wasPlugged && wasPodWhole)
}

/** What ADD planned, with the MAC addresses that the kernel chose then. */
export function planAgain(call: CNICall, config: BridgeConfig): AttachmentPlan | undefined {
  const { prevResult, ifname } = call
  if (!prevResult) return undefined
  const plan = planAttachment(config, call, { ...prevResult, ips: leasesOf(call) })
  const told = (name: string, isInPod: boolean) =>
    prevResult.interfaces.find((it) => it.name === name && (it.sandbox !== undefined) === isInPod)
  const portMAC = parseMAC(told(plan.veth.name, false)?.mac ?? '')
  const podMAC = parseMAC(told(ifname, true)?.mac ?? '')
  return {
    ...plan,
    veth: { ...plan.veth, ...(portMAC && { mac: portMAC }) },
    pod: { ...plan.pod, ...(podMAC && { mac: podMAC }) },
  }
}

function isCable(port: Link, end: Link | undefined): boolean {
  return (
    port.kind === 'veth' &&
    end?.kind === 'veth' &&
    port.peerIndex === end.index &&
    end.peerIndex === port.index
  )
}

function isPlugged(port: Link, { bridge, veth }: AttachmentPlan, { rtnetlink }: PluginHost) {
  const { mtuBytes, mac, hairpin, isolated, vlans } = veth
  if (!port.up || port.masterIndex !== rtnetlink.link(bridge.name)?.index) return false
  if (mtuBytes && port.mtuBytes !== mtuBytes) return false
  if (mac && port.mac !== mac) return false
  if ((hairpin && !port.hairpin) || (isolated && !port.isolated)) return false
  if (!vlans) return true
  const held = rtnetlink.bridgeVLANs().filter(({ device }) => device === port.name)
  return vlans.add.every(({ vid, pvid = false, untagged = false }) =>
    held.some(
      (it) => it.vid === vid && (it.pvid ?? false) === pvid && (it.untagged ?? false) === untagged,
    ),
  )
}

/** What IPAM gave, as far as it is known by what the attachment came to. */
export function leasesOf(call: CNICall): readonly CNIAddress[] {
  return (call.prevResult?.ips ?? []).map((ip) => ({ ...ip, ...subnetOf(call, ip) }))
}

/** With `hostPrefix` the result has a pod's address alone: its subnet is that of host-local's range. */
function subnetOf(call: CNICall, { address: { address, prefixLength } }: CNIAddress) {
  if (call.config.object('ipam').text('type') !== 'host-local') return {}
  const range = rangeOf(parseConfig(call).rangeSets, address)
  return { address: { address, prefixLength: range?.subnet.prefixLength ?? prefixLength } }
}
