import type { Rcode } from '#wire/dns/message.ts'
import type { Handler } from './chain.ts'

/** Counts since the start. */
export interface Meter {
  readonly requests: Map<number, number>
  readonly responses: Map<Rcode, number>
}

export function createMeter(): Meter {
  return { requests: new Map(), responses: new Map() }
}

/** Counts requests by type and responses by code. */
export function count({ requests, responses }: Meter): Handler {
  return async (query, next) => {
    increment(requests, query.question.type)
    const answer = await next(query)
    increment(responses, answer.rcode)
    return answer
  }
}

function increment<K>(counts: Map<K, number>, key: K): void {
  counts.set(key, (counts.get(key) ?? 0) + 1)
}
