import { randomInt } from 'node:crypto'
import { decodeResponse } from '#wire/dns/decode-message.ts'
import { encodeQuery } from '#wire/dns/encode-message.ts'
import type { ResponseMessage } from '#wire/dns/message.ts'
import { type Answer, bareAnswer, type Query } from './answer.ts'
import type { Handler } from './chain.ts'
import { type ExchangeOptions, exchange } from './exchange.ts'
import type { Upstream } from './upstream.ts'

export interface ForwardOptions {
  readonly upstreams: readonly Upstream[]
  /** For one try. */
  readonly timeoutMs: number
  /** How many upstreams are asked at most, and how often a lone one. */
  readonly tries: number
  readonly maxInFlight: number
  readonly now: () => number
  readonly openSocket?: ExchangeOptions['openSocket']
}

/** How long an upstream that did not answer is asked last. */
const REST_MS = 5000

/** https://www.dnsflagday.net/2020/: fits every path without fragments. */
const UDP_PAYLOAD_BYTES = 1232

/** Asks upstreams, in their order, those that answered last time first. */
export function forward(options: ForwardOptions): Handler {
  const restUntil = new Map<Upstream, number>()
  let inFlight = 0
  return async (query, next) => {
    if (options.upstreams.length === 0) return next(query)
    if (inFlight >= options.maxInFlight) return bareAnswer('REFUSED')
    inFlight++
    try {
      return await askInTurn(query, options, restUntil)
    } finally {
      inFlight--
    }
  }
}

async function askInTurn(
  query: Query,
  options: ForwardOptions,
  restUntil: Map<Upstream, number>,
): Promise<Answer> {
  const { tries, timeoutMs, now } = options
  let slowTries = 0
  let refusal: ResponseMessage | undefined
  let failure: unknown
  for (const upstream of candidates(options, restUntil)) {
    // Upstreams that refuse at once cost nothing; a client waits for 5 s at most (resolv.conf(5), "timeout").
    if (slowTries >= tries) break
    const startedAt = now()
    try {
      const response = await ask(query, upstream, options)
      restUntil.delete(upstream)
      if (!isRefusal(response)) return toAnswer(response)
      refusal ??= response
    } catch (error) {
      failure = error
      restUntil.set(upstream, now() + REST_MS)
      if (now() - startedAt >= timeoutMs) slowTries++
    }
  }
  if (refusal) return toAnswer(refusal)
  throw new Error('Cannot forward: no upstream answers', { cause: failure })
}

function candidates(
  { upstreams, tries, now }: ForwardOptions,
  restUntil: ReadonlyMap<Upstream, number>,
): readonly Upstream[] {
  if (upstreams.length === 1) return Array.from({ length: tries }, () => upstreams[0]!)
  const rests = (upstream: Upstream) => Number((restUntil.get(upstream) ?? 0) > now())
  return upstreams.toSorted((a, b) => rests(a) - rests(b))
}

/** Asks over UDP, and again over TCP where the answer was cut (RFC 7766 section 5). */
async function ask(
  { question, ...flags }: Query,
  upstream: Upstream,
  { timeoutMs, openSocket }: ForwardOptions,
): Promise<ResponseMessage> {
  const bytes = encodeQuery({
    id: randomInt(65536),
    opcode: 0,
    recursionDesired: flags.recursionDesired,
    checkingDisabled: flags.checkingDisabled,
    question,
    edns: { version: 0, udpPayloadBytes: UDP_PAYLOAD_BYTES, dnssecOK: flags.dnssecOK },
  })
  const response = decodeResponse(
    await exchange(bytes, upstream, { protocol: 'udp', timeoutMs, openSocket }),
  )
  if (!response.truncated) return response
  return decodeResponse(await exchange(bytes, upstream, { protocol: 'tcp', timeoutMs, openSocket }))
}

/** Another upstream may know better. */
function isRefusal({ rcode }: ResponseMessage): boolean {
  return rcode !== 'NOERROR' && rcode !== 'NXDOMAIN'
}

function toAnswer(response: ResponseMessage): Answer {
  const { rcode, authenticData, answers, authority, additional } = response
  // FORMERR and the like are about what we sent, not about what the client asked.
  if (isRefusal(response) && rcode !== 'REFUSED') return bareAnswer('SERVFAIL')
  return {
    rcode,
    authoritative: false,
    authenticData: authenticData ?? false,
    answers,
    authority,
    additional,
  }
}
