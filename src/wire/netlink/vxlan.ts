import { familyOf, type IP, ipToBytes } from '#ip/ip.ts'
import {
  attribute,
  concatAttributes,
  decodeAttributes,
  decodeIP,
  decodeOptional,
  optional,
} from './attributes.ts'
import { readU8, readU16BE, readU32, u8, u16BE, u32 } from './bytes.ts'
import { defined } from './defined.ts'

/** IFLA_INFO_DATA of a vxlan link (include/uapi/linux/if_link.h, IFLA_VXLAN_*). */
export interface VXLAN {
  readonly vni?: number
  /** UDP port of the outer packet. */
  readonly port?: number
  readonly local?: IP
  /** Index of the link that the outer packets leave by. */
  readonly deviceIndex?: number
  readonly learning?: boolean
  /** Group based policy: an attribute that is there or is not. */
  readonly gbp?: boolean
}

const IFLA_VXLAN = { ID: 1, LINK: 3, LOCAL: 4, LEARNING: 7, PORT: 15, LOCAL6: 17, GBP: 23 }
const WHAT = 'vxlan attributes'

export function encodeVXLAN({ vni, port, local, deviceIndex, learning, gbp }: VXLAN): Uint8Array {
  return concatAttributes([
    optional(IFLA_VXLAN.LINK, deviceIndex, u32),
    optional(IFLA_VXLAN.ID, vni, u32),
    local === undefined
      ? undefined
      : attribute(familyOf(local) === 4 ? IFLA_VXLAN.LOCAL : IFLA_VXLAN.LOCAL6, ipToBytes(local)),
    optional(IFLA_VXLAN.LEARNING, learning, (on) => u8(on ? 1 : 0)),
    optional(IFLA_VXLAN.PORT, port, u16BE),
    gbp ? attribute(IFLA_VXLAN.GBP, new Uint8Array(0)) : undefined,
  ])
}

export function decodeVXLAN(value: Uint8Array): VXLAN {
  const attributes = decodeAttributes(value, 0, WHAT)
  const get = <T>(type: number, decode: (bytes: Uint8Array) => T) =>
    decodeOptional(attributes, type, decode)
  const asU32 = (bytes: Uint8Array) => readU32(bytes, 0, WHAT)
  return defined({
    vni: get(IFLA_VXLAN.ID, asU32),
    local: get(IFLA_VXLAN.LOCAL, decodeIP) ?? get(IFLA_VXLAN.LOCAL6, decodeIP),
    deviceIndex: get(IFLA_VXLAN.LINK, asU32),
    learning: get(IFLA_VXLAN.LEARNING, (bytes) => readU8(bytes, 0, WHAT) !== 0),
    port: get(IFLA_VXLAN.PORT, (bytes) => readU16BE(bytes, 0, WHAT)),
    gbp: get(IFLA_VXLAN.GBP, () => true),
  })
}
