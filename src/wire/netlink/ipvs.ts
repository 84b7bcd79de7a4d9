import { type Family, familyOf, type IP, ipFromBytes, ipToBytes } from '#ip/ip.ts'
import {
  type Attributes,
  attribute,
  decodeAttributes,
  decodeOptional,
  NLA_F_NESTED,
  nested,
} from './attributes.ts'
import { concat, need, readText, readU16, readU16BE, readU32, u16, u16BE, u32 } from './bytes.ts'
import { AF_INET, AF_INET6 } from './family.ts'
import { WireError } from './wire-error.ts'

/** Generic netlink family `IPVS` (include/uapi/linux/ip_vs.h): its name, version and commands. */
export const IPVS_FAMILY = 'IPVS'
export const IPVS_VERSION = 1
export const IPVS_CMD = {
  newService: 1,
  setService: 2,
  deleteService: 3,
  getService: 4,
  newDestination: 5,
  setDestination: 6,
  deleteDestination: 7,
  getDestination: 8,
  setConfig: 12,
  getConfig: 13,
  flush: 17,
} as const

/** IP_VS_SVC_F_*. */
export const IPVS_FLAG = {
  /** A client stays with its destination for the timeout. */
  persistent: 1,
  /** The kernel's own: the service is in its table. */
  hashed: 2,
  /** The schedulers sh and mh hash the client's port too (`sh-port`, `mh-port`). */
  hashPorts: 0x10,
} as const

const IPPROTOS = { tcp: 6, udp: 17, sctp: 132 } as const
export type IPVSProtocol = keyof typeof IPPROTOS

/** What names a virtual service. */
export interface IPVSServiceKey {
  readonly protocol: IPVSProtocol
  readonly ip: IP
  readonly port: number
}

export interface IPVSService extends IPVSServiceKey {
  readonly scheduler: string
  /** IPVS_FLAG. */
  readonly flags: number
  /** Seconds that a client stays with its destination, with the flag `persistent`. */
  readonly timeout: number
}

export interface IPVSDestination {
  readonly ip: IP
  readonly port: number
  /** 0 gets nothing new. */
  readonly weight: number
  /** Connections, in an answer. */
  readonly active?: number
  /** Connections that are ending, or of UDP, in an answer. */
  readonly inactive?: number
}

/** Seconds: connections without traffic are forgotten. */
export interface IPVSTimeouts {
  readonly tcp: number
  readonly tcpFin: number
  readonly udp: number
}

const CMD_ATTR = { SERVICE: 1, DEST: 2, TIMEOUT_TCP: 4, TIMEOUT_TCP_FIN: 5, TIMEOUT_UDP: 6 }
const SVC_ATTR = {
  AF: 1,
  PROTOCOL: 2,
  ADDR: 3,
  PORT: 4,
  SCHED_NAME: 6,
  FLAGS: 7,
  TIMEOUT: 8,
  NETMASK: 9,
}
const DEST_ATTR = {
  ADDR: 1,
  PORT: 2,
  FWD_METHOD: 3,
  WEIGHT: 4,
  U_THRESH: 5,
  L_THRESH: 6,
  ACTIVE_CONNS: 7,
  INACT_CONNS: 8,
  ADDR_FAMILY: 11,
}
/** IP_VS_CONN_F_MASQ: the destination's address takes the place of the virtual one. */
const FORWARD_BY_MASQUERADING = 0
const ALL_FLAGS = 0xffffffff
/** `union nf_inet_addr`: an IPv4 address leaves its rest zero. */
const ADDRESS_BYTES = 16
const WHAT = 'IPVS message'

/** The attribute that names a service. */
export function encodeServiceKey(key: IPVSServiceKey): Uint8Array {
  return nested(CMD_ATTR.SERVICE | NLA_F_NESTED, keyAttributes(key))
}

/** The attribute that describes a service. */
export function encodeService(service: IPVSService): Uint8Array {
  const { scheduler, flags, timeout, ip } = service
  return nested(CMD_ATTR.SERVICE | NLA_F_NESTED, [
    ...keyAttributes(service),
    attribute(SVC_ATTR.SCHED_NAME, Buffer.from(`${scheduler}\0`)),
    attribute(SVC_ATTR.FLAGS, concat([u32(flags), u32(ALL_FLAGS)])),
    attribute(SVC_ATTR.TIMEOUT, u32(timeout)),
    // How much of a client's address stands for it: a whole one's bits, in IPv6 as a number.
    attribute(SVC_ATTR.NETMASK, u32(familyOf(ip) === 4 ? 0xffffffff : 128)),
  ])
}

function keyAttributes({ protocol, ip, port }: IPVSServiceKey): readonly Uint8Array[] {
  return [
    attribute(SVC_ATTR.AF, u16(addressFamily(ip))),
    attribute(SVC_ATTR.PROTOCOL, u16(IPPROTOS[protocol])),
    attribute(SVC_ATTR.ADDR, encodeUnion(ip)),
    attribute(SVC_ATTR.PORT, u16BE(port)),
  ]
}

/** The attribute that describes a destination, reached by masquerading. */
export function encodeDestination({ ip, port, weight }: IPVSDestination): Uint8Array {
  return nested(CMD_ATTR.DEST | NLA_F_NESTED, [
    attribute(DEST_ATTR.ADDR_FAMILY, u16(addressFamily(ip))),
    attribute(DEST_ATTR.ADDR, encodeUnion(ip)),
    attribute(DEST_ATTR.PORT, u16BE(port)),
    attribute(DEST_ATTR.FWD_METHOD, u32(FORWARD_BY_MASQUERADING)),
    attribute(DEST_ATTR.WEIGHT, u32(weight)),
    // No limits of connections.
    attribute(DEST_ATTR.U_THRESH, u32(0)),
    attribute(DEST_ATTR.L_THRESH, u32(0)),
  ])
}

/** @param attributes those of a message, such as a kernel's answer to {@link IPVS_CMD.getService}; `undefined` for a protocol that is none of ours, or a mark */
export function decodeService(attributes: Uint8Array): IPVSService | undefined {
  const service = inner(attributes, CMD_ATTR.SERVICE)
  const number = decodeOptional(service, SVC_ATTR.PROTOCOL, (value) => readU16(value, 0, WHAT))
  const protocol = (Object.keys(IPPROTOS) as IPVSProtocol[]).find(
    (name) => IPPROTOS[name] === number,
  )
  const address = service.get(SVC_ATTR.ADDR)
  if (!protocol || !address) return
  const family = required(service, SVC_ATTR.AF, (value) => familyFrom(readU16(value, 0, WHAT)))
  return {
    protocol,
    ip: decodeUnion(address, family),
    port: required(service, SVC_ATTR.PORT, (value) => readU16BE(value, 0, WHAT)),
    scheduler: decodeOptional(service, SVC_ATTR.SCHED_NAME, readText) ?? '',
    flags: decodeOptional(service, SVC_ATTR.FLAGS, (value) => readU32(value, 0, WHAT)) ?? 0,
    timeout: decodeOptional(service, SVC_ATTR.TIMEOUT, (value) => readU32(value, 0, WHAT)) ?? 0,
  }
}

/** @param family of the service, for kernels before 3.18, which do not say the destination's own */
export function decodeDestination(attributes: Uint8Array, family: Family): IPVSDestination {
  const destination = inner(attributes, CMD_ATTR.DEST)
  const count = (type: number) =>
    decodeOptional(destination, type, (value) => readU32(value, 0, WHAT)) ?? 0
  const own = decodeOptional(destination, DEST_ATTR.ADDR_FAMILY, (value) =>
    familyFrom(readU16(value, 0, WHAT)),
  )
  return {
    ip: required(destination, DEST_ATTR.ADDR, (value) => decodeUnion(value, own ?? family)),
    port: required(destination, DEST_ATTR.PORT, (value) => readU16BE(value, 0, WHAT)),
    weight: count(DEST_ATTR.WEIGHT),
    active: count(DEST_ATTR.ACTIVE_CONNS),
    inactive: count(DEST_ATTR.INACT_CONNS),
  }
}

export function encodeTimeouts({ tcp, tcpFin, udp }: IPVSTimeouts): Uint8Array {
  return concat([
    attribute(CMD_ATTR.TIMEOUT_TCP, u32(tcp)),
    attribute(CMD_ATTR.TIMEOUT_TCP_FIN, u32(tcpFin)),
    attribute(CMD_ATTR.TIMEOUT_UDP, u32(udp)),
  ])
}

export function decodeTimeouts(bytes: Uint8Array): IPVSTimeouts {
  const attributes = decodeAttributes(bytes, 0, WHAT)
  const seconds = (type: number) => required(attributes, type, (value) => readU32(value, 0, WHAT))
  return {
    tcp: seconds(CMD_ATTR.TIMEOUT_TCP),
    tcpFin: seconds(CMD_ATTR.TIMEOUT_TCP_FIN),
    udp: seconds(CMD_ATTR.TIMEOUT_UDP),
  }
}

function inner(attributes: Uint8Array, type: number): Attributes {
  const value = decodeAttributes(attributes, 0, WHAT).get(type)
  if (!value) throw new WireError(WHAT, 0, `no attribute ${type}`)
  return decodeAttributes(value, 0, WHAT)
}

function required<T>(attributes: Attributes, type: number, decode: (value: Uint8Array) => T): T {
  const value = decodeOptional(attributes, type, decode)
  if (value === undefined) throw new WireError(WHAT, 0, `no attribute ${type}`)
  return value
}

function encodeUnion(address: IP): Uint8Array {
  const bytes = new Uint8Array(ADDRESS_BYTES)
  bytes.set(ipToBytes(address))
  return bytes
}

function decodeUnion(value: Uint8Array, family: Family): IP {
  const length = family === 4 ? 4 : ADDRESS_BYTES
  need(value, 0, length, WHAT)
  return ipFromBytes(value.subarray(0, length))
}

function addressFamily(address: IP): number {
  return familyOf(address) === 4 ? AF_INET : AF_INET6
}

function familyFrom(number: number): Family {
  if (number === AF_INET) return 4
  if (number === AF_INET6) return 6
  throw new WireError(WHAT, 0, `address family ${number}`)
}
