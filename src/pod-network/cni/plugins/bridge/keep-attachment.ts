import type { CIDR } from '#ip/cidr.ts'
import { familyOf, ipFromBytes } from '#ip/ip.ts'
import { type MAC, macToBytes } from '#ip/mac.ts'
import type { CNICall } from '../../protocol/cni-call.ts'
import type { CNIAddress } from '../../protocol/result.ts'
import { parseConfig } from '../host-local/config.ts'
import { rangeOf } from '../host-local/ranges.ts'
import type { PluginHost } from '../plugin.ts'
import { connectVeth } from './apply-attachment.ts'
import { applyBridge } from './apply-bridge.ts'
import type { BridgeConfig } from './config.ts'
import { type AttachmentPlan, planAttachment, planGatewayAddresses } from './plan-attachment.ts'

/**
 * Makes the bridge again, gives it back its addresses, and puts the pod's cable back into it. A cable that is gone stays away: its
 * other end went with it, and the pod has to be attached anew.
 *
 * @returns whether anything was missing
 */
export function keepAttachment(call: CNICall, config: BridgeConfig, host: PluginHost): boolean {
  const { prevResult } = call
  if (!prevResult) return false
  const ips = prevResult.ips.map((ip) => ({ ...ip, ...subnetOf(call, ip) }))
  const plan = planAttachment(config, call, { ...prevResult, ips })
  const { rtnetlink } = host
  const isBridgeWhole = isWhole(plan, config, host)
  if (!isBridgeWhole) {
    applyBridge(plan, config, host)
    keepLinkLocal(plan, host)
  }
  const [held, port] = [rtnetlink.link(plan.bridge.name), rtnetlink.link(plan.veth.name)]
  if (!port || (port.up && port.masterIndex === held?.index)) return !isBridgeWhole
  connectVeth(plan, host)
  return true
}

function isWhole(
  { bridge, gateway }: AttachmentPlan,
  config: BridgeConfig,
  { rtnetlink }: PluginHost,
): boolean {
  const isUp = [bridge.name, gateway.device].every((name) => rtnetlink.link(name)?.up)
  if (!isUp) return false
  const held = rtnetlink.addresses().filter(({ device }) => device === gateway.device)
  const addresses = held.map(({ address }) => address)
  if (planGatewayAddresses(gateway, addresses, config).add.length > 0) return false
  return !hasIPv6(gateway) || addresses.some(isLinkLocal)
}

/** Pods ask for their gateway from a link-local address, and are answered by the route that comes with ours. */
function keepLinkLocal({ gateway }: AttachmentPlan, { rtnetlink }: PluginHost): void {
  const { device } = gateway
  const mac = rtnetlink.link(device)?.mac
  const held = rtnetlink.addresses().filter((each) => each.device === device)
  if (!mac || !hasIPv6(gateway) || held.some(({ address }) => isLinkLocal(address))) return
  rtnetlink.replaceAddress({ device, address: linkLocalOf(mac) })
}

/** RFC 4291, appendix A: the modified EUI-64, which is what the kernel takes by itself. */
function linkLocalOf(mac: MAC): CIDR {
  const [first, ...rest] = macToBytes(mac)
  const eui64 = [first! ^ 0x02, ...rest.slice(0, 2), 0xff, 0xfe, ...rest.slice(2)]
  const prefix = [0xfe, 0x80, 0, 0, 0, 0, 0, 0]
  return { address: ipFromBytes(Uint8Array.of(...prefix, ...eui64)), prefixLength: 64 }
}

function hasIPv6({ addresses }: AttachmentPlan['gateway']): boolean {
  return addresses.some(({ address }) => familyOf(address) === 6)
}

function isLinkLocal({ address }: CIDR): boolean {
  return /^fe[89ab]/.test(address)
}

/** With `hostPrefix` the result has a pod's address alone: its subnet is that of host-local's range. */
function subnetOf(call: CNICall, { address: { address, prefixLength } }: CNIAddress) {
  if (call.config.object('ipam').text('type') !== 'host-local') return {}
  const range = rangeOf(parseConfig(call).rangeSets, address)
  return { address: { address, prefixLength: range?.subnet.prefixLength ?? prefixLength } }
}
