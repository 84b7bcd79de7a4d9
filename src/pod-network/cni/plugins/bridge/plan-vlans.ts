import type { BridgeVLAN } from '#kernel/netlink/model.ts'
import type { BridgeConfig } from './config.ts'

/** The VLANs of the pod's port. */
export interface VLANPlan {
  /** Takes the port out of the VLANs that the kernel put it into. */
  readonly removeDefault: boolean
  readonly add: readonly Omit<BridgeVLAN, 'device'>[]
}

/** VLAN 1 is the native one of a trunk without another, as it was before `vlan` could go with it. */
const NATIVE_VLAN = 1

/** Undefined where the bridge knows no VLANs. */
export function planVLANs({
  vlan,
  vlanTrunk,
  preserveDefaultVlan,
}: Pick<BridgeConfig, 'vlan' | 'vlanTrunk' | 'preserveDefaultVlan'>): VLANPlan | undefined {
  if (vlan === 0 && vlanTrunk === undefined) return undefined
  const native = { pvid: true, untagged: true }
  const tagged = (vlanTrunk ?? []).map((vid) => ({ vid }))
  const own = vlan === 0 ? [] : [{ vid: vlan, ...native }]
  const fallback = vlan === 0 && tagged.length > 0 ? [{ vid: NATIVE_VLAN, ...native }] : []
  return {
    removeDefault: !preserveDefaultVlan && (vlan !== 0 || tagged.length > 0),
    add: [...own, ...tagged, ...fallback],
  }
}
