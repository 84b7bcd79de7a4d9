import { type MAC, macToBytes } from '#ip/mac.ts'
import {
  type Attributes,
  attribute,
  concatAttributes,
  decodeAttributes,
  decodeMAC,
  decodeOptional,
  NLA_F_NESTED,
  nested,
  optional,
} from './attributes.ts'
import { concat, readI32, readText, readU8, readU32, u8, u16, u32, zeroEnded } from './bytes.ts'
import { defined } from './defined.ts'
import { decodeKindData, encodeKindData, type KindData } from './link-kinds.ts'
import { decodeVXLAN, encodeVXLAN, type VXLAN } from './vxlan.ts'

export const RTM_NEWLINK = 16
export const RTM_DELLINK = 17
export const RTM_GETLINK = 18
export const RTM_SETLINK = 19

export const IFF_UP = 1
export const IFF_NOARP = 0x80
export const IFF_PROMISC = 0x100
export const IFF_ALLMULTI = 0x200
/** IF_OPER_UP: packets pass (RFC 2863, ifOperStatus). */
export const IF_OPER_UP = 6
/** For requests: leave the counters out of the answer, they are the most of it (include/uapi/linux/rtnetlink.h). */
export const RTEXT_FILTER_SKIP_STATS = 8

/** Body of RTM_*LINK: `struct ifinfomsg` and the attributes that this program speaks (include/uapi/linux/if_link.h). */
export interface LinkMessage {
  /** AF_UNSPEC unless said; AF_BRIDGE for what concerns a bridge's port. */
  readonly family?: number
  readonly index?: number
  /** IFF_*. */
  readonly flags?: number
  /** Which of `flags` are meant, in a request. */
  readonly change?: number
  readonly name?: string
  readonly mtuBytes?: number
  readonly mac?: MAC
  /** Index of the bridge; 0 leaves it. */
  readonly masterIndex?: number
  /** The link below; in an answer for a veth: its peer's index, in the peer's namespace. */
  readonly linkIndex?: number
  /** In an answer: the namespace that `linkIndex` is in, as this one counts namespaces. */
  readonly linkNetnsID?: number
  readonly alias?: string
  /** In a request: the namespace where it is born or goes, as a descriptor of ours. */
  readonly netnsFd?: number
  readonly kind?: string
  readonly vxlan?: VXLAN
  /** What other kinds say of themselves. */
  readonly kindData?: KindData
  readonly txQueueLength?: number
  /** In an answer. */
  readonly promiscuity?: number
  /** The other end, in a request for a veth. */
  readonly peer?: LinkMessage
  /** IF_OPER_*, in an answer. */
  readonly operState?: number
  /** Of a bridge. */
  readonly vlanFiltering?: boolean
  /** Of a bridge's port: whether a frame may go out where it came in. */
  readonly hairpin?: boolean
  /** Of a bridge's port: whether it is cut off from other isolated ports. */
  readonly isolated?: boolean
  /** RTEXT_FILTER_*, in a request. */
  readonly filter?: number
}

const IFLA = {
  ADDRESS: 1,
  IFNAME: 3,
  MTU: 4,
  LINK: 5,
  MASTER: 10,
  PROTINFO: 12,
  TXQLEN: 13,
  OPERSTATE: 16,
  LINKINFO: 18,
  IFALIAS: 20,
  NET_NS_FD: 28,
  EXT_MASK: 29,
  PROMISCUITY: 30,
  LINK_NETNSID: 37,
}
const IFLA_INFO = { KIND: 1, DATA: 2, SLAVE_KIND: 4, SLAVE_DATA: 5 }
const VETH_INFO_PEER = 1
const IFLA_BR_VLAN_FILTERING = 7
const IFLA_BRPORT = { MODE: 4, ISOLATED: 33 }

const IFINFOMSG_BYTES = 16
const WHAT = 'link message'

export function encodeLink(link: LinkMessage): Uint8Array {
  return concat([
    u8(link.family ?? 0),
    u8(0),
    u16(0), // ARPHRD_*: the kernel's to say
    u32(link.index ?? 0),
    u32(link.flags ?? 0),
    u32(link.change ?? 0),
    concatAttributes([
      optional(IFLA.LINK, link.linkIndex, u32),
      optional(IFLA.TXQLEN, link.txQueueLength, u32),
      optional(IFLA.MTU, link.mtuBytes, u32),
      optional(IFLA.ADDRESS, link.mac, macToBytes),
      optional(IFLA.MASTER, link.masterIndex, u32),
      optional(IFLA.IFALIAS, link.alias, (text) => Buffer.from(text)),
      optional(IFLA.EXT_MASK, link.filter, u32),
      optional(IFLA.IFNAME, link.name, zeroEnded),
      optional(IFLA.NET_NS_FD, link.netnsFd, u32),
      link.kind === undefined ? undefined : encodeLinkInfo(link.kind, link),
      encodeBridgePort(link),
    ]),
  ])
}

function encodeBridgePort({ hairpin, isolated }: LinkMessage): Uint8Array | undefined {
  if (hairpin === undefined && isolated === undefined) return undefined
  return nested(IFLA.PROTINFO | NLA_F_NESTED, [
    optional(IFLA_BRPORT.MODE, hairpin, flag),
    optional(IFLA_BRPORT.ISOLATED, isolated, flag),
  ])
}

/** IFLA_INFO_DATA holds what is the kind's own: for a veth a whole second link message. */
function encodeLinkInfo(
  kind: string,
  { vxlan, peer, kindData, vlanFiltering }: LinkMessage,
): Uint8Array {
  return nested(IFLA.LINKINFO, [
    attribute(IFLA_INFO.KIND, Buffer.from(kind)), // iproute2 sends it without a zero byte
    optional(IFLA_INFO.DATA, vxlan, encodeVXLAN),
    optional(IFLA_INFO.DATA, kindData, encodeKindData),
    optional(IFLA_INFO.DATA, vlanFiltering, (on) => attribute(IFLA_BR_VLAN_FILTERING, flag(on))),
    optional(IFLA_INFO.DATA, peer, (end) => attribute(VETH_INFO_PEER, encodeLink(end))),
  ])
}

export function decodeLink(body: Uint8Array): LinkMessage {
  const family = readU8(body, 0, WHAT)
  const index = readI32(body, 4, WHAT)
  const flags = readU32(body, 8, WHAT)
  const change = readU32(body, 12, WHAT)
  const attributes = decodeAttributes(body, IFINFOMSG_BYTES, WHAT)
  const get = <T>(type: number, decode: (value: Uint8Array) => T) =>
    decodeOptional(attributes, type, decode)
  return {
    family,
    index,
    flags,
    change,
    ...defined({
      name: get(IFLA.IFNAME, readText),
      mtuBytes: get(IFLA.MTU, asU32),
      mac: get(IFLA.ADDRESS, decodeMAC),
      masterIndex: get(IFLA.MASTER, asU32),
      linkIndex: get(IFLA.LINK, asU32),
      linkNetnsID: get(IFLA.LINK_NETNSID, asU32),
      alias: get(IFLA.IFALIAS, readText),
      netnsFd: get(IFLA.NET_NS_FD, asU32),
      txQueueLength: get(IFLA.TXQLEN, asU32),
      promiscuity: get(IFLA.PROMISCUITY, asU32),
      filter: get(IFLA.EXT_MASK, asU32),
      operState: get(IFLA.OPERSTATE, asU8),
    }),
    ...get(IFLA.LINKINFO, decodeLinkInfo),
    ...get(IFLA.PROTINFO, decodeBridgePort),
  }
}

function decodeLinkInfo(value: Uint8Array): Partial<LinkMessage> {
  const attributes = decodeAttributes(value, 0, WHAT)
  const kind = decodeOptional(attributes, IFLA_INFO.KIND, readText)
  const slaveKind = decodeOptional(attributes, IFLA_INFO.SLAVE_KIND, readText)
  const port = attributes.get(IFLA_INFO.SLAVE_DATA)
  return {
    ...defined({ kind }),
    ...(kind === undefined ? {} : decodeInfoData(kind, attributes)),
    ...(slaveKind === 'bridge' && port ? decodeBridgePort(port) : {}),
  }
}

function decodeInfoData(kind: string, attributes: Attributes): Partial<LinkMessage> {
  const value = attributes.get(IFLA_INFO.DATA)
  if (!value) return {}
  if (kind === 'vxlan') return { vxlan: decodeVXLAN(value) }
  if (kind === 'bridge') return decodeBridge(value)
  if (kind !== 'veth') return defined({ kindData: decodeKindData(kind, value) })
  const peer = decodeOptional(decodeAttributes(value, 0, WHAT), VETH_INFO_PEER, decodeLink)
  return defined({ peer })
}

function decodeBridge(value: Uint8Array): Partial<LinkMessage> {
  const attributes = decodeAttributes(value, 0, WHAT)
  return defined({ vlanFiltering: decodeOptional(attributes, IFLA_BR_VLAN_FILTERING, isSet) })
}

function decodeBridgePort(value: Uint8Array): Partial<LinkMessage> {
  const attributes = decodeAttributes(value, 0, WHAT)
  return defined({
    hairpin: decodeOptional(attributes, IFLA_BRPORT.MODE, isSet),
    isolated: decodeOptional(attributes, IFLA_BRPORT.ISOLATED, isSet),
  })
}

function flag(on: boolean): Uint8Array {
  return u8(on ? 1 : 0)
}

function isSet(value: Uint8Array): boolean {
  return asU8(value) !== 0
}

function asU8(value: Uint8Array): number {
  return readU8(value, 0, WHAT)
}

function asU32(value: Uint8Array): number {
  return readU32(value, 0, WHAT)
}
