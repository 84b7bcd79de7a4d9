import type { DomainName } from './name.ts'
import type { DNSRecord } from './record.ts'

/** RCODE numbers (RFC 1035 section 4.1.1, RFC 6891 section 9). */
export const RCODE = {
  NOERROR: 0,
  FORMERR: 1,
  SERVFAIL: 2,
  NXDOMAIN: 3,
  NOTIMP: 4,
  REFUSED: 5,
  BADVERS: 16,
} as const

export type Rcode = keyof typeof RCODE

export const HEADER_BYTES = 12

/** Bits of the header's second 16-bit word (RFC 1035 section 4.1.1, RFC 4035 section 3.2). */
export const FLAG = {
  QR: 0x8000,
  AA: 0x0400,
  TC: 0x0200,
  RD: 0x0100,
  RA: 0x0080,
  AD: 0x0020,
  CD: 0x0010,
} as const

export interface Question {
  readonly name: DomainName
  readonly type: number
  readonly class: number
}

/** The OPT pseudo-record (RFC 6891 section 6.1), without its options: none of them obliges a server. */
export interface EDNS {
  readonly version: number
  readonly udpPayloadBytes: number
  /** DO: the client wants DNSSEC records. */
  readonly dnssecOK: boolean
}

export interface QueryMessage {
  readonly id: number
  readonly opcode: number
  readonly recursionDesired: boolean
  readonly checkingDisabled: boolean
  readonly question: Question
  readonly edns?: EDNS
}

export interface ResponseMessage {
  readonly id: number
  readonly opcode?: number
  readonly rcode: Rcode
  readonly authoritative: boolean
  readonly truncated?: boolean
  readonly recursionDesired: boolean
  readonly recursionAvailable: boolean
  /** AD: the upstream says that it validated the answer. */
  readonly authenticData?: boolean
  readonly checkingDisabled?: boolean
  /** Absent only in answers to queries that could not be read. */
  readonly question?: Question
  readonly answers: readonly DNSRecord[]
  readonly authority: readonly DNSRecord[]
  readonly additional: readonly DNSRecord[]
  readonly edns?: EDNS
}
