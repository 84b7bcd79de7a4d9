import { createServer, type Socket } from 'node:net'
import type { Log } from '#log/log.ts'
import type { Balancer } from './balancer.ts'
import { dialNext } from './dial.ts'
import type { Sockets } from './sockets.ts'

/** Takes clients at one port to its endpoints. Closing it ends what it is for: UDP's sessions at once, TCP's connections when they end. */
export interface Relay {
  readonly port: number
  /** Takes no one any more. */
  close(): void
  /** To be called when the balancer's endpoints changed. */
  targetsChanged(): void
}

/** Counts what all relays of a process hold together, so that clients cannot take all its descriptors and memory. */
export interface RelayLimit {
  /** `false` where there is no room. Each `true` needs one `leave`. */
  enter(connection: Disposable): boolean
  leave(connection: Disposable): void
  /** It may be ended where there is no room: who was spared longest first, and only so many are spared. */
  spare(connection: Disposable): void
  readonly size: number
  /** Resolves when nobody is left; where `drain` aborts first, it ends them. */
  drained(drain?: AbortSignal): Promise<void>
  /** Ends all that are left. */
  endAll(): void
}

export interface RelayDeps {
  readonly balancer: Balancer
  readonly sockets: Sockets
  readonly limit: RelayLimit
  readonly log: Log
}

/** As Go's net.Dialer and net.Listener do by default, which kube-proxy used. */
const KEEP_ALIVE_MS = 15_000

/**
 * Serves a listening socket: connects each client to an endpoint, and copies both ways until both have ended. A client that ends its side
 * still hears the endpoint's answer; who reads slowly is not sent more than it takes. Resolves when it listens.
 */
export async function createTCPRelay(fd: number, deps: RelayDeps): Promise<Relay> {
  const server = createServer(
    {
      allowHalfOpen: true,
      pauseOnConnect: true,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: KEEP_ALIVE_MS,
    },
    (client) => void relay(client, deps),
  )
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  server.once('error', reject)
  server.listen({ fd }, resolve)
  await promise
  server.off('error', reject)
  server.on('error', (error) => deps.log.warn('Cannot accept a connection', { error }))
  const address = server.address()
  if (typeof address !== 'object' || !address)
    throw new TypeError('Cannot relay: it is no TCP socket')
  return { port: address.port, close: () => server.close(), targetsChanged() {} }
}

async function relay(client: Socket, { balancer, sockets, limit, log }: RelayDeps): Promise<void> {
  const left = new AbortController()
  const connection = { [Symbol.dispose]: () => void client.destroy() }
  client.on('error', () => left.abort())
  client.once('close', () => {
    left.abort()
    limit.leave(connection)
  })
  const source = client.remoteAddress
  if (source === undefined || !limit.enter(connection)) {
    if (source !== undefined) log.warn('Refused a connection: there are too many', { source })
    client.resetAndDestroy()
    return
  }
  const endpoint = await dialNext(source, balancer, sockets, left.signal)
  if (!endpoint) {
    // A reset, not an end: the client must not take it for an empty answer.
    client.resetAndDestroy()
    return
  }
  join(client, endpoint)
}

function join(client: Socket, endpoint: Socket): void {
  endpoint.setNoDelay(true)
  endpoint.setKeepAlive(true, KEEP_ALIVE_MS)
  for (const [one, other] of [
    [client, endpoint],
    [endpoint, client],
  ] as const) {
    // Whoever breaks off is passed on as that; whoever ends is, too, by pipe().
    one.on('error', () => other.resetAndDestroy())
    one.once('close', () => {
      if (!other.writableEnded) other.destroy()
    })
    one.pipe(other)
  }
}
