import { ipFromBytes, parseIP } from '#ip/ip.ts'
import { WireError } from '../netlink/wire-error.ts'
import { u16, u32 } from './bytes.ts'
import type { EDNS } from './message.ts'
import { type DomainName, decodeName } from './name.ts'
import { type DNSRecord, type RData, TYPE } from './record.ts'

/** A record where it stands in its message. */
export interface RawRecord {
  readonly name: DomainName
  readonly type: number
  readonly class: number
  readonly ttl: number
  readonly rdataStart: number
  readonly end: number
}

/** Decodes what all records share (RFC 1035 section 4.1.3). @throws WireError */
export function decodeRecordHead(message: Uint8Array, offset: number): RawRecord {
  const { name, end: at } = decodeName(message, offset)
  const rdataStart = at + 10
  const end = rdataStart + (rdataStart <= message.length ? u16(message, at + 8) : 0)
  if (end > message.length) throw new WireError('record', at, 'message ends')
  const ttl = u32(message, at + 4)
  return {
    name,
    type: u16(message, at),
    class: u16(message, at + 2),
    // RFC 2181 section 8: a TTL with its highest bit set counts as zero.
    ttl: ttl > 0x7fffffff ? 0 : ttl,
    rdataStart,
    end,
  }
}

/** OPT reuses CLASS for the payload size and TTL for flags (RFC 6891 section 6.1.3). @throws WireError */
export function decodeEDNS(
  message: Uint8Array,
  { name, rdataStart, class: size }: RawRecord,
): EDNS {
  if (name !== '') throw new WireError('OPT record', rdataStart, 'owner is not the root')
  return {
    version: message[rdataStart - 5]!,
    udpPayloadBytes: size,
    dnssecOK: (message[rdataStart - 4]! & 0x80) !== 0,
  }
}

/** The upper eight bits of the extended RCODE. */
export function extendedRcode(message: Uint8Array, { rdataStart }: RawRecord): number {
  return message[rdataStart - 6]!
}

/** @throws WireError */
export function decodeRecord(message: Uint8Array, head: RawRecord): DNSRecord {
  return { name: head.name, ttlSeconds: head.ttl, ...decodeRData(message, head) }
}

function decodeRData(message: Uint8Array, { type, rdataStart: at, end }: RawRecord): RData {
  const need = (bytes: number) => {
    if (at + bytes > end) throw new WireError(`rdata of type ${type}`, at, 'rdata ends')
  }
  switch (type) {
    case TYPE.A:
    case TYPE.AAAA:
      return decodeAddress(message, type, at, end)
    case TYPE.CNAME:
      return { type: 'CNAME', target: lastName(message, at, end) }
    case TYPE.NS:
      return { type: 'NS', target: lastName(message, at, end) }
    case TYPE.PTR:
      return { type: 'PTR', target: lastName(message, at, end) }
    case TYPE.MX:
      need(3)
      return { type: 'MX', preference: u16(message, at), target: lastName(message, at + 2, end) }
    case TYPE.SRV:
      need(7)
      return {
        type: 'SRV',
        priority: u16(message, at),
        weight: u16(message, at + 2),
        port: u16(message, at + 4),
        target: lastName(message, at + 6, end),
      }
    case TYPE.SOA:
      return decodeSOA(message, at, end)
    case TYPE.TXT:
      return { type: 'TXT', texts: decodeTexts(message, at, end) }
    default:
      return { type: 'opaque', typeCode: type, rdata: Uint8Array.from(message.subarray(at, end)) }
  }
}

function decodeAddress(message: Uint8Array, typeCode: number, at: number, end: number): RData {
  const type = typeCode === TYPE.A ? 'A' : 'AAAA'
  if (end - at !== (type === 'A' ? 4 : 16)) throw new WireError(type, at, `${end - at} bytes`)
  const address = ipFromBytes(message.subarray(at, end))
  // IPv4-mapped IPv6 addresses are no IP values of ours: they pass through as they are.
  if (!parseIP(address))
    return { type: 'opaque', typeCode, rdata: Uint8Array.from(message.subarray(at, end)) }
  return { type, address }
}

function lastName(message: Uint8Array, offset: number, rdataEnd: number): DomainName {
  const { name, end } = decodeName(message, offset)
  if (end !== rdataEnd) throw new WireError('rdata', end, 'its length does not fit the name in it')
  return name
}

function decodeSOA(message: Uint8Array, offset: number, rdataEnd: number): RData {
  const mname = decodeName(message, offset)
  const rname = decodeName(message, mname.end)
  const at = rname.end
  if (at + 20 !== rdataEnd) throw new WireError('SOA', at, 'its length does not fit')
  return {
    type: 'SOA',
    mname: mname.name,
    rname: rname.name,
    serial: u32(message, at),
    refresh: u32(message, at + 4),
    retry: u32(message, at + 8),
    expire: u32(message, at + 12),
    minimum: u32(message, at + 16),
  }
}

function decodeTexts(message: Uint8Array, offset: number, end: number): readonly string[] {
  const texts: string[] = []
  for (let at = offset; at < end; at += 1 + message[at]!) {
    const textEnd = at + 1 + message[at]!
    if (textEnd > end) throw new WireError('TXT', at, 'rdata ends')
    texts.push(Buffer.from(message.subarray(at + 1, textEnd)).toString('latin1'))
  }
  return texts
}
