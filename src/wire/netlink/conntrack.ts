import { type IP, ipFromBytes, ipToBytes } from '#ip/ip.ts'
import { decodeAttributes, decodeOptional } from './attributes.ts'
import { readU8, readU16BE } from './bytes.ts'
import type { MessageWriter } from './nftables/message-writer.ts'

/*
 * conntrack entries on netlink (ctnetlink): include/uapi/linux/netfilter/nfnetlink_conntrack.h.
 */

const NFNL_SUBSYS_CTNETLINK = 1
export const IPCTNL_MSG_CT_GET = (NFNL_SUBSYS_CTNETLINK << 8) | 1
export const IPCTNL_MSG_CT_DELETE = (NFNL_SUBSYS_CTNETLINK << 8) | 2

const CTA = { tupleOrig: 1, tupleReply: 2, protoInfo: 4, id: 12, filter: 25 } as const
const PROTO_INFO_TCP = 1
const TCP_STATE = 1
const TUPLE = { ip: 1, proto: 2 } as const
const TUPLE_IP = { v4Src: 1, v4Dst: 2, v6Src: 3, v6Dst: 4 } as const
const TUPLE_PROTO = { number: 1, srcPort: 2, dstPort: 3 } as const
/** Since Linux 5.8; older kernels pass it over and show all. */
const FILTER_ORIG_FLAGS = 1
const FILTER_PROTO_NUM = 1 << 3

const WHAT = 'conntrack entry'
/** `struct nfgenmsg`. */
const HEADER_BYTES = 4

/** One direction of a flow. */
export interface Tuple {
  readonly protocol: number
  readonly source: { readonly ip: IP; readonly port: number }
  readonly destination: { readonly ip: IP; readonly port: number }
}

export interface ConntrackEntry {
  readonly original: Tuple
  readonly reply: Tuple
  /** The kernel's own: another entry of the same tuple has another one. */
  readonly id: Uint8Array
  /** Of TCP: `enum tcp_conntrack`. From {@link TCP_CONNTRACK_TIME_WAIT} on the connection has ended. */
  readonly tcpState?: number
}

export const TCP_CONNTRACK_TIME_WAIT = 7

/** Asks a dump for entries of one protocol only. */
export function writeProtocolFilter(writer: MessageWriter, protocol: number): void {
  const tuple = writer.beginNested(CTA.tupleOrig)
  const proto = writer.beginNested(TUPLE.proto)
  writer.u8(TUPLE_PROTO.number, protocol)
  writer.endNested(proto)
  writer.endNested(tuple)
  const filter = writer.beginNested(CTA.filter)
  writer.bytes(FILTER_ORIG_FLAGS, Uint8Array.of(FILTER_PROTO_NUM, 0, 0, 0))
  writer.endNested(filter)
}

/** Names the entry to delete. */
export function writeEntry(writer: MessageWriter, { original, id }: ConntrackEntry): void {
  const { protocol, source, destination } = original
  const tuple = writer.beginNested(CTA.tupleOrig)
  const ip = writer.beginNested(TUPLE.ip)
  const isV6 = source.ip.includes(':')
  writer.bytes(isV6 ? TUPLE_IP.v6Src : TUPLE_IP.v4Src, ipToBytes(source.ip))
  writer.bytes(isV6 ? TUPLE_IP.v6Dst : TUPLE_IP.v4Dst, ipToBytes(destination.ip))
  writer.endNested(ip)
  const proto = writer.beginNested(TUPLE.proto)
  writer.u8(TUPLE_PROTO.number, protocol)
  writer.bytes(TUPLE_PROTO.srcPort, portBytes(source.port))
  writer.bytes(TUPLE_PROTO.dstPort, portBytes(destination.port))
  writer.endNested(proto)
  writer.endNested(tuple)
  writer.bytes(CTA.id, id)
}

/** `undefined` for entries without ports. */
export function decodeConntrackEntry(body: Uint8Array): ConntrackEntry | undefined {
  const attributes = decodeAttributes(body, HEADER_BYTES, WHAT)
  const original = decodeOptional(attributes, CTA.tupleOrig, decodeTuple)
  const reply = decodeOptional(attributes, CTA.tupleReply, decodeTuple)
  const id = attributes.get(CTA.id)
  if (!original || !reply || !id) return
  const tcpState = decodeOptional(attributes, CTA.protoInfo, decodeTCPState)
  return { original, reply, id: Uint8Array.from(id), ...(tcpState !== undefined && { tcpState }) }
}

function decodeTCPState(bytes: Uint8Array): number | undefined {
  const tcp = decodeAttributes(bytes, 0, WHAT).get(PROTO_INFO_TCP)
  const state = tcp && decodeAttributes(tcp, 0, WHAT).get(TCP_STATE)
  return state && readU8(state, 0, WHAT)
}

function decodeTuple(bytes: Uint8Array): Tuple | undefined {
  const attributes = decodeAttributes(bytes, 0, WHAT)
  const ips = decodeAttributes(attributes.get(TUPLE.ip) ?? new Uint8Array(0), 0, WHAT)
  const proto = decodeAttributes(attributes.get(TUPLE.proto) ?? new Uint8Array(0), 0, WHAT)
  const address = (v4: number, v6: number) => {
    const value = ips.get(v4) ?? ips.get(v6)
    return value && (value.length === 4 || value.length === 16) ? ipFromBytes(value) : undefined
  }
  const protocol = decodeOptional(proto, TUPLE_PROTO.number, (value) => readU8(value, 0, WHAT))
  const port = (type: number) => decodeOptional(proto, type, (value) => readU16BE(value, 0, WHAT))
  const [from, to] = [address(1, 3), address(2, 4)]
  const [fromPort, toPort] = [port(TUPLE_PROTO.srcPort), port(TUPLE_PROTO.dstPort)]
  if (!from || !to || protocol === undefined || fromPort === undefined || toPort === undefined)
    return
  return {
    protocol,
    source: { ip: from, port: fromPort },
    destination: { ip: to, port: toPort },
  }
}

function portBytes(port: number): Uint8Array {
  return Uint8Array.of(port >> 8, port)
}
