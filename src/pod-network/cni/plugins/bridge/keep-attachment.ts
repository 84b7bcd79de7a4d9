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
  if (!isBridgeWhole) applyBridge(plan, config, host)
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
  return planGatewayAddresses(gateway, addresses, config).add.length === 0
}

/** With `hostPrefix` the result has a pod's address alone: its subnet is that of host-local's range. */
function subnetOf(call: CNICall, { address: { address, prefixLength } }: CNIAddress) {
  if (call.config.object('ipam').text('type') !== 'host-local') return {}
  const range = rangeOf(parseConfig(call).rangeSets, address)
  return { address: { address, prefixLength: range?.subnet.prefixLength ?? prefixLength } }
}
