import type { IP } from '#ip/ip.ts'
import type { DomainName } from './name.ts'

/** TYPE and QTYPE numbers (RFC 1035 section 3.2, RFC 3596, RFC 2782, RFC 6891). */
export const TYPE = {
  A: 1,
  NS: 2,
  CNAME: 5,
  SOA: 6,
  PTR: 12,
  MX: 15,
  TXT: 16,
  AAAA: 28,
  SRV: 33,
  OPT: 41,
  IXFR: 251,
  AXFR: 252,
  ANY: 255,
} as const

export const CLASS_IN = 1

interface Owned {
  readonly name: DomainName
  readonly ttlSeconds: number
}

/** A resource record of class IN. What is not decoded stays `opaque` and passes through unchanged (RFC 3597). */
export type DNSRecord = Owned & RData

export type RData =
  | { readonly type: 'A' | 'AAAA'; readonly address: IP }
  | { readonly type: 'CNAME' | 'NS' | 'PTR'; readonly target: DomainName }
  | {
      readonly type: 'SRV'
      readonly priority: number
      readonly weight: number
      readonly port: number
      readonly target: DomainName
    }
  | { readonly type: 'MX'; readonly preference: number; readonly target: DomainName }
  /** Each text is bytes as characters U+0000 to U+00FF, at most 255 of them. */
  | { readonly type: 'TXT'; readonly texts: readonly string[] }
  | SOA
  | { readonly type: 'opaque'; readonly typeCode: number; readonly rdata: Uint8Array }

export interface SOA {
  readonly type: 'SOA'
  readonly mname: DomainName
  readonly rname: DomainName
  readonly serial: number
  readonly refresh: number
  readonly retry: number
  readonly expire: number
  /** How long "there is no such name" may be believed, in seconds (RFC 2308). */
  readonly minimum: number
}

export function typeCodeOf(record: RData): number {
  return record.type === 'opaque' ? record.typeCode : TYPE[record.type]
}
