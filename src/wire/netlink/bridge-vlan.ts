import { attribute, concatAttributes, listAttributes, nested } from './attributes.ts'
import { concat, readI32, readU16, u8, u16, u32 } from './bytes.ts'
import { AF_BRIDGE } from './family.ts'

/** For a dump of AF_BRIDGE: which VLANs each port is in, ranges as ranges (include/uapi/linux/rtnetlink.h). */
export const RTEXT_FILTER_BRVLAN_COMPRESSED = 4

/** A VLAN of a bridge's port (`struct bridge_vlan_info`, include/uapi/linux/if_bridge.h). */
export interface BridgeVLANMessage {
  /** Index of the port. */
  readonly index: number
  readonly vid: number
  /** Frames that come in without a tag are of this VLAN. */
  readonly pvid: boolean
  /** Frames go out without a tag. */
  readonly untagged: boolean
}

const IFLA_AF_SPEC = 26
const IFLA_BRIDGE_VLAN_INFO = 2
const BRIDGE_VLAN_INFO = { PVID: 2, UNTAGGED: 4, RANGE_BEGIN: 8, RANGE_END: 16 }
const IFINFOMSG_BYTES = 16
const WHAT = 'bridge VLAN message'

/** Body of RTM_SETLINK, which adds it, and RTM_DELLINK, which takes it away. */
export function encodeBridgeVLAN({ index, vid, pvid, untagged }: BridgeVLANMessage): Uint8Array {
  const flags = (pvid ? BRIDGE_VLAN_INFO.PVID : 0) | (untagged ? BRIDGE_VLAN_INFO.UNTAGGED : 0)
  return concat([
    ifinfomsg(index),
    nested(IFLA_AF_SPEC, [attribute(IFLA_BRIDGE_VLAN_INFO, concat([u16(flags), u16(vid)]))]),
  ])
}

/** Body of RTM_GETLINK for a dump of all ports. */
export function encodeBridgeVLANRequest(): Uint8Array {
  const IFLA_EXT_MASK = 29
  const mask = attribute(IFLA_EXT_MASK, u32(RTEXT_FILTER_BRVLAN_COMPRESSED))
  return concat([ifinfomsg(0), concatAttributes([mask])])
}

/** The VLANs of the one port that a message of the dump is about. */
export function decodeBridgeVLANs(body: Uint8Array): readonly BridgeVLANMessage[] {
  const index = readI32(body, 4, WHAT)
  const vlans: BridgeVLANMessage[] = []
  for (const [type, value] of listAttributes(body, IFINFOMSG_BYTES, WHAT)) {
    if (type !== IFLA_AF_SPEC) continue
    let begin: number | undefined
    for (const [kind, info] of listAttributes(value, 0, WHAT)) {
      if (kind !== IFLA_BRIDGE_VLAN_INFO) continue
      const [flags, vid] = [readU16(info, 0, WHAT), readU16(info, 2, WHAT) & MAX_VID]
      if ((flags & BRIDGE_VLAN_INFO.RANGE_BEGIN) !== 0) {
        begin = vid
        continue
      }
      const [pvid, untagged] = [BRIDGE_VLAN_INFO.PVID, BRIDGE_VLAN_INFO.UNTAGGED].map(
        (bit) => (flags & bit) !== 0,
      )
      for (let each = begin ?? vid; each <= vid; each++) {
        vlans.push({ index, vid: each, pvid: pvid!, untagged: untagged! })
      }
      begin = undefined
    }
  }
  return vlans
}

const MAX_VID = 4095

function ifinfomsg(index: number): Uint8Array {
  return concat([u8(AF_BRIDGE), u8(0), u16(0), u32(index), u32(0), u32(0)])
}
