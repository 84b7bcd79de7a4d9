import { createSocket } from 'node:dgram'
import type { Family } from '#ip/ip.ts'
import { DIAL_TIMEOUTS_MS } from './dial.ts'
import type { Relay, RelayDeps } from './tcp-relay.ts'
import { beginUDPSession, type UDPSession } from './udp-session.ts'

/** kube-proxy's default of `udpIdleTimeout`. */
export const UDP_IDLE_MS = 250
/** As many endpoints as a TCP client is offered. */
const MAX_TRIES = DIAL_TIMEOUTS_MS.length

interface Client {
  readonly address: string
  readonly port: number
}

/**
 * Serves a bound datagram socket. Each client (address and port) has a session with one endpoint, until nothing passed for
 * {@link UDP_IDLE_MS}, the endpoint refuses, or it is none any more; the client's next datagram begins another. An answer that is still to
 * come is awaited beyond that, and what an endpoint refused goes to the next one.
 */
export async function createUDPRelay(
  fd: number,
  family: Family,
  { balancer, sockets, limit, log }: RelayDeps,
  idleMs = UDP_IDLE_MS,
): Promise<Relay> {
  const server = createSocket(family === 4 ? 'udp4' : 'udp6')
  /** Those that clients' next datagrams go to. */
  const current = new Map<string, UDPSession>()
  /** Also those that only wait for answers. */
  const all = new Set<UDPSession>()
  let isClosed = false

  function begin(key: string, client: Client, tries: number): UDPSession | undefined {
    const target = balancer.next(client.address, { failed: tries > 1 })
    if (!target) return
    const session = beginUDPSession({
      target,
      associate: sockets.associate,
      limit,
      idleMs,
      onAnswer: (datagram) => server.send(datagram, client.port, client.address),
      onRetired: (retired) => {
        if (current.get(key) === retired) current.delete(key)
      },
      onEnd: (ended) => all.delete(ended),
      onFailed(unanswered) {
        if (isClosed || tries === MAX_TRIES) return
        for (const datagram of unanswered) take(datagram, client, tries + 1)
      },
    })
    if (!session) {
      log.warn('Dropped a datagram: there are too many sessions', { source: client.address })
      return
    }
    current.set(key, session)
    all.add(session)
    return session
  }

  function take(datagram: Uint8Array, client: Client, tries = 1): void {
    const key = `${client.address} ${client.port}`
    const session = current.get(key) ?? begin(key, client, tries)
    session?.send(datagram)
  }

  server.on('message', (datagram, client) => take(datagram, client))
  server.on('error', (error) => log.warn('Cannot relay a datagram', { error }))
  const { promise, resolve } = Promise.withResolvers<void>()
  server.bind({ fd }, resolve)
  await promise
  return {
    port: server.address().port,
    close() {
      isClosed = true
      for (const session of [...all]) session[Symbol.dispose]()
      server.close()
    },
    targetsChanged() {
      for (const session of [...current.values()])
        if (!balancer.has(session.target)) session.retire()
    },
  }
}
