import { familyOf } from '#ip/ip.ts'
import { KernelError } from '#kernel/kernel-error.ts'
import type { Link, Rtnetlink } from '#kernel/netlink/model.ts'
import { fail } from '../../protocol/cni-error.ts'
import type { PluginHost } from '../plugin.ts'
import { enableForwarding } from '../pod-interface/apply-pod-interface.ts'
import { setSysctl, sysctlName } from '../pod-interface/set-sysctl.ts'
import { hostVethName } from '../pod-interface/veth.ts'
import type { BridgeConfig } from './config.ts'
import { type AttachmentPlan, planGatewayAddresses } from './plan-attachment.ts'

/** Makes the bridge, or completes the one that is there. Many pods share it, so that no failed ADD takes it away again. */
export function applyBridge(plan: AttachmentPlan, config: BridgeConfig, host: PluginHost): void {
  const { rtnetlink, netns } = host
  const { name, promiscuous, vlanFiltering } = plan.bridge
  const held = rtnetlink.link(name)
  if (held) requireBridge(held)
  if (!held) createBridge(rtnetlink, plan.bridge)
  else if (!held.up) rtnetlink.setLink(name, { up: true })
  if (promiscuous && !held?.promiscuous) rtnetlink.setLink(name, { promiscuous })
  // A VLAN that is not filtered by would hold nobody apart.
  if (vlanFiltering && held && !held.vlanFiltering) rtnetlink.setLink(name, { vlanFiltering })
  for (const [sysctl, value] of bridgeSysctls(name, config)) setSysctl(sysctl, value, netns)
  applyGateway(plan, config, host)
}

export function bridgeSysctls(
  bridge: string,
  { hostPrefix }: Pick<BridgeConfig, 'hostPrefix'>,
): ReadonlyMap<string, string> {
  const name = sysctlName(bridge)
  return new Map([
    // The node's own routes are not for pods to announce.
    [`net.ipv6.conf.${name}.accept_ra`, '0'],
    ...(hostPrefix ? [[`net.ipv4.conf.${name}.send_redirects`, '0'] as const] : []),
  ])
}

function requireBridge({ name, kind }: Link): void {
  if (kind === 'bridge') return
  const message = `failed to create bridge "${name}": "${name}" already exists but is not a bridge`
  throw fail(message)
}

/** Another process may be first. */
function createBridge(
  rtnetlink: Rtnetlink,
  { name, mtuBytes, mac, vlanFiltering }: AttachmentPlan['bridge'],
): void {
  try {
    rtnetlink.addLink({
      kind: 'bridge',
      name,
      up: true,
      ...(mtuBytes && { mtuBytes }),
      ...(mac && { mac }),
      ...(vlanFiltering && { vlanFiltering }),
    })
  } catch (error) {
    if (!(error instanceof KernelError && error.errno === 'EEXIST')) throw error
  }
}

function applyGateway(
  { gateway, bridge }: AttachmentPlan,
  config: BridgeConfig,
  { rtnetlink, netns }: PluginHost,
): void {
  const { device, addresses } = gateway
  if (addresses.length === 0) return
  if (device !== bridge.name) createVLANPort(rtnetlink, device, config)
  const observed = rtnetlink.addresses({ device })
  const { add, remove } = planGatewayAddresses(
    gateway,
    observed.filter(({ scope = 0 }) => scope === 0).map(({ address }) => address),
    config,
  )
  for (const address of remove) rtnetlink.deleteAddress({ device, address })
  for (const address of add) rtnetlink.replaceAddress({ device, address })
  // Pinned: otherwise it is that of one of its ports, and changes as these come and go.
  const mac = add.length > 0 ? rtnetlink.link(device)?.mac : undefined
  if (mac) rtnetlink.setLink(device, { mac })
  enableForwarding(
    addresses.map(({ address }) => familyOf(address)),
    netns,
  )
}

/** The node's own leg in the VLAN: a cable with both ends on the node, one of them a port. */
function createVLANPort(
  rtnetlink: Rtnetlink,
  device: string,
  { bridge, vlan, preserveDefaultVlan, mtuBytes }: BridgeConfig,
): void {
  if (rtnetlink.link(device)) return
  const name = hostVethName({ containerID: bridge, ifname: device })
  rtnetlink.addLink({
    kind: 'veth',
    name,
    master: bridge,
    up: true,
    ...(mtuBytes && { mtuBytes }),
    peer: { name: device, up: true, ...(mtuBytes && { mtuBytes }) },
  })
  applyVLANs(rtnetlink, name, {
    removeDefault: !preserveDefaultVlan,
    add: [{ vid: vlan, pvid: true, untagged: true }],
  })
}

export function applyVLANs(
  rtnetlink: Rtnetlink,
  device: string,
  { removeDefault, add }: NonNullable<AttachmentPlan['veth']['vlans']>,
): void {
  const held = removeDefault ? rtnetlink.bridgeVLANs() : []
  for (const vlan of held.filter((each) => each.device === device)) {
    rtnetlink.deleteBridgeVLAN(vlan)
  }
  for (const vlan of add) rtnetlink.addBridgeVLAN({ device, ...vlan })
}
