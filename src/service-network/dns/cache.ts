import { nameKey } from '#wire/dns/name.ts'
import type { DNSRecord } from '#wire/dns/record.ts'
import type { Answer, Query } from './answer.ts'
import type { Handler } from './chain.ts'

export interface CacheOptions {
  /** The time in milliseconds. */
  readonly now: () => number
  readonly maxEntries: number
  readonly maxTTLSeconds: number
}

const MAX_RECORDS = 64
const MAX_RDATA_BYTES = 2048

interface Entry {
  readonly answer: Answer
  readonly storedAt: number
  readonly expiresAt: number
}

/**
 * Remembers the answers of the handlers behind it. It stands behind the cluster's own zone, never before: that zone is answered from
 * memory anyway, and a remembered "no such name" would outlive the Service's creation (kubernetes/kubernetes#92559).
 */
export function cache({ now, maxEntries, maxTTLSeconds }: CacheOptions): Handler {
  const entries = new Map<string, Entry>()
  return async (query, next) => {
    const key = keyOf(query)
    const held = entries.get(key)
    if (held && held.expiresAt > now()) {
      // Last used goes last: the first one is the one to drop.
      entries.delete(key)
      entries.set(key, held)
      return aged(held, now())
    }
    entries.delete(key)
    const answer = await next(query)
    const ttlSeconds = Math.min(ttlOf(answer), maxTTLSeconds)
    if (ttlSeconds > 0 && isSmall(answer)) {
      for (const oldest of entries.keys()) {
        if (entries.size < maxEntries) break
        entries.delete(oldest)
      }
      entries.set(key, { answer, storedAt: now(), expiresAt: now() + ttlSeconds * 1000 })
    }
    return answer
  }
}

function keyOf({ question, recursionDesired, checkingDisabled, dnssecOK }: Query): string {
  const flags = [recursionDesired, checkingDisabled, dnssecOK].map(Number).join('')
  return `${nameKey(question.name)} ${question.type} ${flags}`
}

/**
 * How long an answer may be believed, in seconds: as its shortest record says, and for "no such name" and "no such record" as the zone's SOA
 * says (RFC 2308 section 5). Failures are never remembered.
 */
function ttlOf({ rcode, answers, authority }: Answer): number {
  if (rcode !== 'NOERROR' && rcode !== 'NXDOMAIN') return 0
  const lifetimes = answers.map(({ ttlSeconds }) => ttlSeconds)
  const soa = authority.find((record) => record.type === 'SOA')
  if (soa) lifetimes.push(soa.ttlSeconds, soa.minimum)
  const isNegative = rcode === 'NXDOMAIN' || answers.every(({ type }) => type === 'CNAME')
  if (lifetimes.length === 0 || (isNegative && !soa)) return 0
  return Math.min(...lifetimes)
}

/** Entries are counted, not weighed: so each must be light. */
function isSmall({ answers, authority, additional }: Answer): boolean {
  const records = [...answers, ...authority, ...additional]
  const bytes = records.map((record) => {
    if (record.type === 'opaque') return record.rdata.length
    return record.type === 'TXT' ? record.texts.join('').length : 0
  })
  return (
    records.length <= MAX_RECORDS && bytes.reduce((sum, each) => sum + each, 0) <= MAX_RDATA_BYTES
  )
}

function aged({ answer, storedAt }: Entry, now: number): Answer {
  const ageSeconds = Math.floor((now - storedAt) / 1000)
  if (ageSeconds === 0) return answer
  const age = (records: readonly DNSRecord[]) =>
    records.map((record) => ({
      ...record,
      ttlSeconds: Math.max(0, record.ttlSeconds - ageSeconds),
    }))
  return {
    ...answer,
    answers: age(answer.answers),
    authority: age(answer.authority),
    additional: age(answer.additional),
  }
}
