import { createSocket } from 'node:dgram'
import { Socket } from 'node:net'
import { familyOf } from '#ip/ip.ts'
import { decodeQuestion } from '#wire/dns/decode-message.ts'
import { HEADER_BYTES, RCODE } from '#wire/dns/message.ts'
import { createFrameReader, frame } from './tcp-frames.ts'
import { formatUpstream, type Upstream } from './upstream.ts'

export type Protocol = 'udp' | 'tcp'

export interface ExchangeOptions {
  readonly protocol: Protocol
  readonly timeoutMs: number
  /**
   * Makes an unbound, unconnected, non-blocking socket, for example in another network namespace, and gives its descriptor away. Node makes
   * its own where this is absent.
   */
  readonly openSocket?: ((protocol: Protocol, family: 4 | 6) => number) | undefined
}

/**
 * Sends one query and waits for its answer, which has the same id and question. Each exchange has a socket of its own, so a forger must guess the
 * port as well as the id (RFC 5452 section 9.2); answers that do not fit are passed over, not believed.
 * @throws Error that says why there is no answer: refused, timed out
 */
export async function exchange(
  query: Uint8Array,
  upstream: Upstream,
  options: ExchangeOptions,
): Promise<Uint8Array> {
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>()
  const onMessage = (message: Uint8Array) => {
    if (answers(message, query)) resolve(message)
  }
  const open = options.protocol === 'udp' ? overUDP : overTCP
  const timer = setTimeout(
    () => reject(new Error(`no answer within ${options.timeoutMs} ms`)),
    options.timeoutMs,
  )
  let close = () => {}
  try {
    close = open(query, upstream, options, { onMessage, onError: reject })
    return await promise
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    const where = `${formatUpstream(upstream)} over ${options.protocol}`
    throw new Error(`Cannot query ${where}: ${why}`, { cause })
  } finally {
    clearTimeout(timer)
    close()
  }
}

interface Listener {
  readonly onMessage: (message: Uint8Array) => void
  readonly onError: (error: Error) => void
}

function overUDP(
  query: Uint8Array,
  { address, port }: Upstream,
  { openSocket }: ExchangeOptions,
  { onMessage, onError }: Listener,
): () => void {
  const family = familyOf(address)
  const fd = openSocket?.('udp', family)
  const socket = createSocket({ type: `udp${family}`, lookup: noLookup })
  socket.on('error', onError)
  socket.on('message', onMessage)
  socket.on('connect', () => socket.send(query))
  if (fd !== undefined) socket.bind({ fd })
  // Connected: the kernel takes answers of this server only, and tells us when it refuses.
  socket.connect(port, address)
  return () => socket.close()
}

function overTCP(
  query: Uint8Array,
  { address, port }: Upstream,
  { openSocket }: ExchangeOptions,
  { onMessage, onError }: Listener,
): () => void {
  const socket = new Socket(openSocket ? { fd: openSocket('tcp', familyOf(address)) } : {})
  socket.on('error', onError)
  socket.on('close', () => onError(new Error('connection closed')))
  socket.on('data', createFrameReader(onMessage))
  socket.connect(port, address, () => socket.write(frame(query)))
  return () => socket.destroy()
}

/** Upstreams are addresses: the way through the name service is only slower. */
function noLookup(
  address: string,
  options: unknown,
  callback: (error: null, address: string, family: number) => void,
): void {
  callback(null, address, typeof options === 'number' ? options : address.includes(':') ? 6 : 4)
}

/**
 * Whether a message is the answer to `query`. Some servers leave the question out when they refuse; then id, address and port must do.
 */
export function answers(message: Uint8Array, query: Uint8Array): boolean {
  if (message.length < HEADER_BYTES || message[0] !== query[0] || message[1] !== query[1])
    return false
  const isResponse = (message[2]! & 0x80) !== 0
  const sameOpcode = (message[2]! & 0x78) === (query[2]! & 0x78)
  if (!isResponse || !sameOpcode) return false
  if (message[4] === 0 && message[5] === 0) {
    const rcode = message[3]! & 15
    return rcode !== RCODE.NOERROR && rcode !== RCODE.NXDOMAIN
  }
  return questionText(message) === questionText(query)
}

/** The question section in lower case; a message that has none that can be read gets a text of its own. */
export function questionText(message: Uint8Array): string {
  try {
    const { question } = decodeQuestion(message)
    return `${question.name.toLowerCase()} ${question.type} ${question.class}`
  } catch {
    return `unreadable ${message.length}`
  }
}
