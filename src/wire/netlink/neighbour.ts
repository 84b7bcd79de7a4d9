import { type IP, ipToBytes } from '#ip/ip.ts'
import { type MAC, macToBytes } from '#ip/mac.ts'
import {
  concatAttributes,
  decodeAttributes,
  decodeIP,
  decodeMAC,
  decodeOptional,
  optional,
} from './attributes.ts'
import { concat, readI32, readU8, readU16, u8, u16, u32 } from './bytes.ts'
import { defined } from './defined.ts'
import { AF_BRIDGE } from './family.ts'

export const RTM_NEWNEIGH = 28
export const RTM_DELNEIGH = 29
export const RTM_GETNEIGH = 30

/** NUD_*: states of an entry (include/uapi/linux/neighbour.h). */
export const NUD = {
  incomplete: 0x01,
  reachable: 0x02,
  stale: 0x04,
  failed: 0x20,
  noarp: 0x40,
  permanent: 0x80,
} as const

/** NTF_*: of an FDB entry, whose it is: the device's own table or its bridge's. */
export const NTF_SELF = 0x02
export const NTF_MASTER = 0x04
/** The link answers for the address. */
export const NTF_PROXY = 0x08

/** Body of RTM_*NEIGH: `struct ndmsg` and attributes. With AF_BRIDGE it is an entry of a forwarding table (FDB). */
export interface NeighbourMessage {
  /** AF_INET, AF_INET6 or AF_BRIDGE. */
  readonly family: number
  readonly index: number
  readonly state: number
  readonly flags: number
  /** Of a vxlan's FDB entry: the remote VTEP. */
  readonly ip?: IP
  readonly mac?: MAC
}

const NDA_DST = 1
const NDA_LLADDR = 2
const NDMSG_BYTES = 12
const WHAT = 'neighbour message'

export function encodeNeighbour(neighbour: NeighbourMessage): Uint8Array {
  const { family, index, state, flags, ip, mac } = neighbour
  const network = optional(NDA_DST, ip, ipToBytes)
  const link = optional(NDA_LLADDR, mac, macToBytes)
  return concat([
    u8(family),
    new Uint8Array(3),
    u32(index),
    u16(state),
    u8(flags),
    u8(0), // RTN_*: the kernel's to say
    // As iproute2 orders them. The kernel takes either order.
    concatAttributes(family === AF_BRIDGE ? [link, network] : [network, link]),
  ])
}

export function decodeNeighbour(body: Uint8Array): NeighbourMessage {
  const family = readU8(body, 0, WHAT)
  const index = readI32(body, 4, WHAT)
  const state = readU16(body, 8, WHAT)
  const flags = readU8(body, 10, WHAT)
  const attributes = decodeAttributes(body, NDMSG_BYTES, WHAT)
  return {
    family,
    index,
    state,
    flags,
    ...defined({
      ip: decodeOptional(attributes, NDA_DST, decodeIP),
      mac: decodeOptional(attributes, NDA_LLADDR, decodeMAC),
    }),
  }
}
