import type { Rtnetlink } from '#kernel/netlink/model.ts'
import type { PluginHost } from '../plugin.ts'
import { wrongSysctls } from '../pod-interface/keep-pod-interface.ts'
import { addLinkLocal, needsLinkLocal } from '../pod-interface/link-local.ts'
import { applyBridge, bridgeSysctls } from './apply-bridge.ts'
import type { BridgeConfig } from './config.ts'
import { type AttachmentPlan, planGatewayAddresses } from './plan-attachment.ts'

/** Makes the bridge again, or gives it back its settings and addresses. @returns whether it was whole */
export function keepBridge(plan: AttachmentPlan, config: BridgeConfig, host: PluginHost): boolean {
  const { rtnetlink } = host
  const held = rtnetlink.link(plan.bridge.name)
  // Somebody else's of its name: a bridge is what was there.
  if (held && held.kind !== 'bridge') rtnetlink.deleteLink(held.name)
  const wasSet = keepSettings(plan, rtnetlink)
  const isWhole = isUpWithAddresses(plan, config, host)
  if (!isWhole) {
    applyBridge(plan, config, host)
    const { device, addresses } = plan.gateway
    if (needsLinkLocal(device, addresses, rtnetlink)) addLinkLocal(device, rtnetlink)
  }
  return wasSet && isWhole
}

/** Of a bridge that is there. @returns whether they were as planned */
function keepSettings({ bridge, gateway }: AttachmentPlan, rtnetlink: Rtnetlink): boolean {
  const held = rtnetlink.link(bridge.name)
  if (!held) return true
  const { mac, promiscuous, vlanFiltering } = bridge
  // Pods remember their gateway by it.
  const isPinned = mac && gateway.device === bridge.name
  const mtuBytes = wantedMTU(bridge, rtnetlink)
  const wanted = {
    ...(held.noARP && { arp: true }),
    ...(isPinned && held.mac !== mac && { mac }),
    ...(mtuBytes && held.mtuBytes !== mtuBytes && { mtuBytes }),
    ...(promiscuous && !held.promiscuous && { promiscuous }),
    ...(vlanFiltering && !held.vlanFiltering && { vlanFiltering }),
  }
  if (Object.keys(wanted).length === 0) return true
  rtnetlink.setLink(bridge.name, wanted)
  return false
}

/** What the largest of its ports takes: attachments of different times may have been told different ones. */
function wantedMTU({ name, mtuBytes }: AttachmentPlan['bridge'], rtnetlink: Rtnetlink) {
  if (!mtuBytes) return undefined
  const links = rtnetlink.links()
  const index = links.find((link) => link.name === name)?.index
  const ports = links.filter(({ masterIndex }) => masterIndex === index)
  return Math.max(mtuBytes, ...ports.map((port) => port.mtuBytes))
}

function isUpWithAddresses(
  { bridge, gateway }: AttachmentPlan,
  config: BridgeConfig,
  { rtnetlink, netns }: PluginHost,
): boolean {
  const isUp = [bridge.name, gateway.device].every((name) => rtnetlink.link(name)?.up)
  if (!isUp) return false
  const held = rtnetlink.addresses({ device: gateway.device })
  const addresses = held.map(({ address }) => address)
  if (planGatewayAddresses(gateway, addresses, config).add.length > 0) return false
  if (wrongSysctls(bridgeSysctls(bridge.name, config), netns).length > 0) return false
  return !needsLinkLocal(gateway.device, gateway.addresses, rtnetlink)
}
