import { type IP, ipToBytes } from '#ip/ip.ts'
import {
  attribute,
  concatAttributes,
  decodeAttributes,
  decodeIP,
  decodeOptional,
  optional,
} from './attributes.ts'
import { readU16, readU32, u16, u32 } from './bytes.ts'
import { defined } from './defined.ts'

/** IFLA_INFO_DATA of the kinds that say little (include/uapi/linux/if_link.h). Modes are the kernel's numbers. */
export type KindData =
  | {
      readonly of: 'macvlan'
      /** MACVLAN_MODE_*. */
      readonly mode: number
      readonly broadcastQueueLength?: number
    }
  | {
      readonly of: 'ipvlan'
      /** IPVLAN_MODE_*. */
      readonly mode: number
    }
  | { readonly of: 'vlan'; readonly id: number }
  | { readonly of: 'vrf'; readonly table: number }
  | { readonly of: 'ipip'; readonly local: IP }

export const MACVLAN_MODE = { private: 1, vepa: 2, bridge: 4, passthru: 8 } as const
export const IPVLAN_MODE = { l2: 0, l3: 1, l3s: 2 } as const

const IFLA_MACVLAN = { MODE: 1, BC_QUEUE_LEN: 7 }
const IFLA_IPVLAN = { MODE: 1, FLAGS: 2 }
const IFLA_VLAN_ID = 1
const IFLA_VRF_TABLE = 1
/** IFLA_IPTUN_* of include/uapi/linux/if_tunnel.h. */
const IFLA_IPTUN_LOCAL = 2
const WHAT = 'link attributes'

export function encodeKindData(data: KindData): Uint8Array {
  switch (data.of) {
    case 'macvlan':
      return concatAttributes([
        optional(IFLA_MACVLAN.BC_QUEUE_LEN, data.broadcastQueueLength, u32),
        attribute(IFLA_MACVLAN.MODE, u32(data.mode)),
      ])
    case 'ipvlan':
      return concatAttributes([
        attribute(IFLA_IPVLAN.MODE, u16(data.mode)),
        attribute(IFLA_IPVLAN.FLAGS, u16(0)),
      ])
    case 'vlan':
      return attribute(IFLA_VLAN_ID, u16(data.id))
    case 'vrf':
      return attribute(IFLA_VRF_TABLE, u32(data.table))
    case 'ipip':
      return attribute(IFLA_IPTUN_LOCAL, ipToBytes(data.local))
  }
}

/** `undefined` for kinds that are not spoken here. */
export function decodeKindData(kind: string, value: Uint8Array): KindData | undefined {
  const attributes = decodeAttributes(value, 0, WHAT)
  const word = (type: number) => decodeOptional(attributes, type, (it) => readU32(it, 0, WHAT))
  const half = (type: number) => decodeOptional(attributes, type, (it) => readU16(it, 0, WHAT))
  switch (kind) {
    case 'macvlan': {
      const broadcastQueueLength = word(IFLA_MACVLAN.BC_QUEUE_LEN)
      const mode = word(IFLA_MACVLAN.MODE) ?? 0
      return { of: kind, mode, ...defined({ broadcastQueueLength }) }
    }
    case 'ipvlan':
      return { of: kind, mode: half(IFLA_IPVLAN.MODE) ?? 0 }
    case 'vlan':
      return { of: kind, id: half(IFLA_VLAN_ID) ?? 0 }
    case 'vrf':
      return { of: kind, table: word(IFLA_VRF_TABLE) ?? 0 }
    case 'ipip': {
      const local = decodeOptional(attributes, IFLA_IPTUN_LOCAL, decodeIP)
      return local && { of: kind, local }
    }
    default:
      return undefined
  }
}
