import { ipToBytes } from '#ip/ip.ts'
import {
  type EDNS,
  FLAG,
  type QueryMessage,
  type Question,
  RCODE,
  type ResponseMessage,
} from './message.ts'
import { MessageWriter } from './message-writer.ts'
import { CLASS_IN, type DNSRecord, type RData, TYPE, typeCodeOf } from './record.ts'

/** The most that two bytes of length before a TCP message can say. */
export const MAX_MESSAGE_BYTES = 65535

/** An OPT record without options. */
const OPT_BYTES = 11

export function encodeQuery(query: QueryMessage): Uint8Array {
  const writer = new MessageWriter()
  const flags =
    (query.opcode << 11) |
    (query.recursionDesired ? FLAG.RD : 0) |
    (query.checkingDisabled ? FLAG.CD : 0)
  writeHead(writer, query.id, flags, query.question)
  if (query.edns) writeEDNS(writer, query.edns, 0)
  writer.u16At(10, query.edns ? 1 : 0)
  return writer.bytes
}

/**
 * Encodes a response in at most `limit` bytes. Where the answer or authority section does not fit, TC is set and the rest left out;
 * additional records that do not fit are left out silently (RFC 2181 section 9).
 */
export function encodeResponse(response: ResponseMessage, limit = MAX_MESSAGE_BYTES): Uint8Array {
  const writer = new MessageWriter()
  writeHead(writer, response.id, flagsOf(response), response.question)
  const room = Math.min(limit, MAX_MESSAGE_BYTES) - (response.edns ? OPT_BYTES : 0)
  const answers = writeRecords(writer, response.answers, room)
  const authority =
    answers === response.answers.length ? writeRecords(writer, response.authority, room) : 0
  const isCut = answers < response.answers.length || authority < response.authority.length
  const additional = isCut ? 0 : writeRecords(writer, response.additional, room)
  if (isCut) writer.u16At(2, flagsOf(response) | FLAG.TC)
  if (response.edns) writeEDNS(writer, response.edns, RCODE[response.rcode] >>> 4)
  writer.u16At(6, answers)
  writer.u16At(8, authority)
  writer.u16At(10, additional + (response.edns ? 1 : 0))
  return writer.bytes
}

function flagsOf(response: ResponseMessage): number {
  return (
    FLAG.QR |
    ((response.opcode ?? 0) << 11) |
    (response.authoritative ? FLAG.AA : 0) |
    (response.truncated ? FLAG.TC : 0) |
    (response.recursionDesired ? FLAG.RD : 0) |
    (response.recursionAvailable ? FLAG.RA : 0) |
    (response.authenticData ? FLAG.AD : 0) |
    (response.checkingDisabled ? FLAG.CD : 0) |
    (RCODE[response.rcode] & 15)
  )
}

function writeHead(writer: MessageWriter, id: number, flags: number, question?: Question): void {
  writer.u16(id)
  writer.u16(flags)
  writer.u16(question ? 1 : 0)
  for (let section = 0; section < 3; section++) writer.u16(0)
  if (!question) return
  writer.name(question.name)
  writer.u16(question.type)
  writer.u16(question.class)
}

/** Writes records as long as they fit; returns how many did. */
function writeRecords(writer: MessageWriter, records: readonly DNSRecord[], room: number): number {
  for (const [i, record] of records.entries()) {
    const before = writer.length
    writeRecord(writer, record)
    if (writer.length > room) {
      writer.rewind(before)
      return i
    }
  }
  return records.length
}

function writeRecord(writer: MessageWriter, record: DNSRecord): void {
  writer.name(record.name)
  writer.u16(typeCodeOf(record))
  writer.u16(CLASS_IN)
  writer.u32(record.ttlSeconds)
  const lengthAt = writer.length
  writer.u16(0)
  writeRData(writer, record)
  writer.u16At(lengthAt, writer.length - lengthAt - 2)
}

function writeRData(writer: MessageWriter, record: RData): void {
  switch (record.type) {
    case 'A':
    case 'AAAA':
      writer.raw(ipToBytes(record.address))
      break
    case 'CNAME':
    case 'NS':
    case 'PTR':
      writer.name(record.target)
      break
    case 'MX':
      writer.u16(record.preference)
      writer.name(record.target)
      break
    case 'SRV':
      writer.u16(record.priority)
      writer.u16(record.weight)
      writer.u16(record.port)
      // RFC 2782: "name compression is not to be used for this field".
      writer.name(record.target, { compress: false })
      break
    case 'TXT':
      for (const text of record.texts) {
        writer.u8(text.length)
        writer.raw(Buffer.from(text, 'latin1'))
      }
      break
    case 'SOA':
      writer.name(record.mname)
      writer.name(record.rname)
      for (const value of [record.serial, record.refresh, record.retry, record.expire]) {
        writer.u32(value)
      }
      writer.u32(record.minimum)
      break
    case 'opaque':
      writer.raw(record.rdata)
      break
  }
}

function writeEDNS(writer: MessageWriter, edns: EDNS, extendedRcode: number): void {
  writer.u8(0)
  writer.u16(TYPE.OPT)
  writer.u16(edns.udpPayloadBytes)
  writer.u8(extendedRcode)
  writer.u8(edns.version)
  writer.u16(edns.dnssecOK ? 0x8000 : 0)
  writer.u16(0)
}
