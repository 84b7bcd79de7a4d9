import { randomInt } from 'node:crypto'
import type { Family } from '#ip/ip.ts'
import type { Log } from '#log/log.ts'
import { decodeHead, decodeQuestion } from '#wire/dns/decode-message.ts'
import { encodeResponse } from '#wire/dns/encode-message.ts'
import { type ExchangeOptions, exchange, type Protocol, questionText } from './exchange.ts'
import { type DNSServer, type Respond, serveDNS } from './server.ts'
import { formatUpstream, parseUpstream, type Upstream } from './upstream.ts'

export interface RelayOptions {
  /** Of the next two: bound sockets on the node network, for example 172.30.0.2:53; the relay closes them. */
  readonly family?: Family
  readonly udpFd: number
  readonly tcpFd: number
  /** The host's nameservers, `10.0.0.1` or `10.0.0.1:5353`. */
  readonly upstreams: readonly string[]
  /** Opens an unbound, unconnected, non-blocking socket in the host's namespace and gives the descriptor away. */
  readonly openUpstreamSocket: NonNullable<ExchangeOptions['openSocket']>
  readonly log: Log
}

const TRY_MS = 2000
const MAX_TRIES = 2
const MAX_IN_FLIGHT = 500

/**
 * Carries DNS packets from the node network to the host's nameservers and back, unchanged but for their ids, until `signal` aborts. The way
 * between the two networks is a descriptor, not a route: a socket stays in the namespace it was made in. Resolves when it listens.
 */
export async function createRelay(options: RelayOptions, signal: AbortSignal): Promise<DNSServer> {
  const { udpFd, tcpFd, family, log } = options
  const upstreams: Upstream[] = []
  const inFlight = new Set<string>()
  const respond: Respond = (packet, protocol) =>
    relay(packet, protocol, { options, upstreams, inFlight })
  const server = await serveDNS({ udpFd, tcpFd, ...(family && { family }) }, respond, log)
  upstreams.push(...usable(options, server))
  if (upstreams.length === 0) log.warn('The relay has no upstream: it answers SERVFAIL')
  const stop = () => void server[Symbol.asyncDispose]()
  signal.addEventListener('abort', stop, { once: true })
  if (signal.aborted) stop()
  return server
}

function usable(
  { upstreams, log }: RelayOptions,
  own: { readonly address: string; readonly port: number },
): readonly Upstream[] {
  return upstreams.flatMap((text) => {
    const upstream = parseUpstream(text)
    // The host's own 127.0.0.1:53 is another network's: only our very address is a loop.
    if (upstream && !(upstream.address === own.address && upstream.port === own.port))
      return [upstream]
    log.warn(
      `Cannot relay to ${JSON.stringify(text)}: ${upstream ? 'it is this relay itself' : 'not an address'}`,
    )
    return []
  })
}

interface RelayState {
  readonly options: RelayOptions
  readonly upstreams: readonly Upstream[]
  /** Id and question of what we ask: the same coming in is our own query that somebody sent back to us. */
  readonly inFlight: Set<string>
}

async function relay(
  packet: Uint8Array,
  protocol: Protocol,
  { options, upstreams, inFlight }: RelayState,
): Promise<Uint8Array | undefined> {
  const head = decodeHead(packet)
  if (!head || head.isResponse) return
  if (inFlight.size >= MAX_IN_FLIGHT || inFlight.has(keyOf(packet)))
    return refusal(packet, 'REFUSED')
  const query = Buffer.from(packet)
  query.writeUInt16BE(randomInt(65536), 0)
  const key = keyOf(query)
  inFlight.add(key)
  try {
    const answer = Buffer.from(await askInTurn(query, protocol, upstreams, options))
    answer.writeUInt16BE(head.id, 0)
    return answer
  } catch (error) {
    options.log.warn('Cannot relay a DNS query', { error })
    return refusal(packet, 'SERVFAIL')
  } finally {
    inFlight.delete(key)
  }
}

async function askInTurn(
  query: Uint8Array,
  protocol: Protocol,
  upstreams: readonly Upstream[],
  { openUpstreamSocket }: RelayOptions,
): Promise<Uint8Array> {
  let failure: unknown
  for (const upstream of upstreams.slice(0, MAX_TRIES)) {
    try {
      const exchanged = { protocol, timeoutMs: TRY_MS, openSocket: openUpstreamSocket }
      return await exchange(query, upstream, exchanged)
    } catch (error) {
      failure = error
    }
  }
  const asked = upstreams.map(formatUpstream).join(', ') || 'nobody'
  throw new Error(`Cannot get an answer from ${asked}`, { cause: failure })
}

function keyOf(packet: Uint8Array): string {
  return `${packet[0]} ${packet[1]} ${questionText(packet)}`
}

function refusal(packet: Uint8Array, rcode: 'SERVFAIL' | 'REFUSED'): Uint8Array {
  const head = decodeHead(packet)!
  let question: ReturnType<typeof decodeQuestion>['question'] | undefined
  try {
    question = decodeQuestion(packet).question
  } catch {
    // Then the id must do.
  }
  return encodeResponse({
    ...head,
    rcode,
    authoritative: false,
    recursionAvailable: true,
    ...(question && { question }),
    answers: [],
    authority: [],
    additional: [],
  })
}
