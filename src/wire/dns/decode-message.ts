import { WireError } from '../netlink/wire-error.ts'
import { u16 } from './bytes.ts'
import { decodeEDNS, decodeRecord, decodeRecordHead, extendedRcode } from './decode-record.ts'
import {
  type EDNS,
  FLAG,
  HEADER_BYTES,
  type QueryMessage,
  type Question,
  RCODE,
  type Rcode,
  type ResponseMessage,
} from './message.ts'
import { decodeName } from './name.ts'
import { CLASS_IN, type DNSRecord, TYPE } from './record.ts'

/** What can be read of any packet with a whole header: enough to answer FORMERR, or to drop a response. */
export interface MessageHead {
  readonly id: number
  readonly isResponse: boolean
  readonly opcode: number
  readonly recursionDesired: boolean
}

/** `undefined` where the packet is shorter than a header: there is nothing to answer to. */
export function decodeHead(message: Uint8Array): MessageHead | undefined {
  if (message.length < HEADER_BYTES) return
  const flags = u16(message, 2)
  return {
    id: u16(message, 0),
    isResponse: (flags & FLAG.QR) !== 0,
    opcode: (flags >>> 11) & 15,
    recursionDesired: (flags & FLAG.RD) !== 0,
  }
}

/** Decodes a query: one question, no answers. Of its other records only OPT is read. @throws WireError */
export function decodeQuery(message: Uint8Array): QueryMessage {
  const head = decodeHead(message)
  if (!head) throw new WireError('query', 0, 'shorter than a header')
  if (u16(message, 4) !== 1) throw new WireError('query', 4, 'not exactly one question')
  const { question, end } = decodeQuestion(message)
  const edns = findEDNS(message, end)
  return {
    id: head.id,
    opcode: head.opcode,
    recursionDesired: head.recursionDesired,
    checkingDisabled: (message[3]! & FLAG.CD) !== 0,
    question,
    ...(edns && { edns }),
  }
}

/** Decodes a response. Records of other classes than IN are left out. @throws WireError */
export function decodeResponse(message: Uint8Array): ResponseMessage {
  const head = decodeHead(message)
  if (!head) throw new WireError('response', 0, 'shorter than a header')
  const flags = u16(message, 2)
  if (u16(message, 4) > 1) throw new WireError('response', 4, 'more than one question')
  const first =
    u16(message, 4) === 1 ? decodeQuestion(message) : { question: undefined, end: HEADER_BYTES }
  let rcode = flags & 15
  let edns: EDNS | undefined
  let at = first.end
  const section = (count: number) => {
    const records: DNSRecord[] = []
    for (let i = 0; i < count; i++) {
      const raw = decodeRecordHead(message, at)
      at = raw.end
      if (raw.type === TYPE.OPT) {
        edns = decodeEDNS(message, raw)
        rcode |= extendedRcode(message, raw) << 4
      } else if (raw.class === CLASS_IN) records.push(decodeRecord(message, raw))
    }
    return records
  }
  const answers = section(u16(message, 6))
  const authority = section(u16(message, 8))
  const additional = section(u16(message, 10))
  return {
    id: head.id,
    opcode: head.opcode,
    rcode: rcodeName(rcode),
    authoritative: (flags & FLAG.AA) !== 0,
    truncated: (flags & FLAG.TC) !== 0,
    recursionDesired: head.recursionDesired,
    recursionAvailable: (flags & FLAG.RA) !== 0,
    authenticData: (flags & FLAG.AD) !== 0,
    checkingDisabled: (flags & FLAG.CD) !== 0,
    ...(first.question && { question: first.question }),
    answers,
    authority,
    additional,
    ...(edns && { edns }),
  }
}

/** Where the question section ends: what comes before, from byte 12, is how the client spelled its question. @throws WireError */
export function decodeQuestion(message: Uint8Array): {
  readonly question: Question
  readonly end: number
} {
  const { name, end } = decodeName(message, HEADER_BYTES)
  if (end + 4 > message.length) throw new WireError('question', end, 'message ends')
  return {
    question: { name, type: u16(message, end), class: u16(message, end + 2) },
    end: end + 4,
  }
}

function findEDNS(message: Uint8Array, offset: number): EDNS | undefined {
  if (u16(message, 6) !== 0) throw new WireError('query', 6, 'it carries answers')
  let edns: EDNS | undefined
  // An IXFR query has a SOA in its authority section (RFC 1995 section 3).
  for (let left = u16(message, 8) + u16(message, 10), at = offset; left > 0; left--) {
    const raw = decodeRecordHead(message, at)
    at = raw.end
    if (raw.type !== TYPE.OPT) continue
    // RFC 6891 section 6.1.1: more than one OPT is FORMERR.
    if (edns) throw new WireError('query', at, 'more than one OPT record')
    edns = decodeEDNS(message, raw)
  }
  return edns
}

/** An RCODE that we have no name for says only that the upstream could not answer. */
function rcodeName(code: number): Rcode {
  for (const [name, value] of Object.entries(RCODE)) if (value === code) return name as Rcode
  return 'SERVFAIL'
}
