import type { CNICall } from '../../protocol/cni-call.ts'
import { fail } from '../../protocol/cni-error.ts'
import { interfacePlugin } from '../pod-interface/interface-plugin.ts'
import { addOnTop, type Master, requireMaster, requireMTU } from '../pod-interface/on-top-of.ts'

export interface VLANConfig {
  readonly master: Master
  readonly vlanID: number
  readonly mtuBytes: number
}

const MAX_VLAN_ID = 4094

/** Gives a pod the interface of one 802.1Q VLAN of a link. */
export const vlan = interfacePlugin<VLANConfig>({
  name: 'vlan',
  needsIPAM: true,
  parse: parseVLANConfig,
  create({ master, vlanID, mtuBytes }, place) {
    requireMTU(mtuBytes, requireMaster(master, place))
    const mtu = mtuBytes > 0 ? { mtuBytes } : {}
    return addOnTop(master, { kind: 'vlan', vlanID, ...mtu }, place)
  },
  check({ master, vlanID, mtuBytes }, link, place) {
    requireMaster(master, place)
    if (link.kind !== 'vlan') throw fail(`Error: Container interface ${link.name} not of type vlan`)
    if (link.vlanID !== vlanID) {
      // Upstream's own words, whatever they speak of.
      const values = `${vlanID}, current value is ${link.vlanID}`
      throw fail(`Error: Tuning link ${link.name} configured promisc is ${values}`)
    }
    if (mtuBytes !== 0 && mtuBytes !== link.mtuBytes) {
      const values = `${mtuBytes}, current value is ${link.mtuBytes}`
      throw fail(`Error: Tuning configured MTU of ${link.name} is ${values}`)
    }
  },
})

/** @throws CNIError with upstream's messages (plugins/main/vlan/vlan.go) */
export function parseVLANConfig({ config }: CNICall): VLANConfig {
  const name = config.text('master')
  if (!name) {
    throw fail(
      '"master" field is required. It specifies the host interface name to create the VLAN for',
    )
  }
  const vlanID = config.number('vlanId') ?? 0
  if (vlanID < 0 || vlanID > MAX_VLAN_ID) {
    throw fail(`invalid VLAN ID ${vlanID} (must be between 0 and 4095 inclusive)`)
  }
  const master = { name, isInPod: config.flag('linkInContainer') }
  return { master, vlanID, mtuBytes: config.number('mtu') ?? 0 }
}
