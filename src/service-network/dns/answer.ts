import type { Question, Rcode } from '#wire/dns/message.ts'
import type { DNSRecord } from '#wire/dns/record.ts'

/** What a client wants to know, without the details of how it asked. */
export interface Query {
  readonly question: Question
  readonly recursionDesired: boolean
  readonly checkingDisabled: boolean
  readonly dnssecOK: boolean
}

/** What we say. Handlers return it; only the server writes. */
export interface Answer {
  readonly rcode: Rcode
  readonly authoritative: boolean
  /** An upstream vouches for it by DNSSEC. */
  readonly authenticData?: boolean
  readonly answers: readonly DNSRecord[]
  readonly authority: readonly DNSRecord[]
  readonly additional: readonly DNSRecord[]
}

/** An answer of a code and nothing else. */
export function bareAnswer(rcode: Rcode): Answer {
  return { rcode, authoritative: false, answers: [], authority: [], additional: [] }
}
