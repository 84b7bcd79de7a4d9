import { createSocket, type Socket } from 'node:dgram'
import type { Family } from '#ip/ip.ts'
import type { Target } from './balancer.ts'
import type { Relay, RelayDeps } from './tcp-relay.ts'

/** kube-proxy's default of `udpIdleTimeout`. */
export const UDP_IDLE_MS = 250
/** Datagrams that wait for their session's socket, which takes a turn of the event loop. */
const MAX_WAITING = 16

interface Session {
  readonly target: Target
  readonly socket: Socket
  readonly timer: NodeJS.Timeout
  /** Absent once the socket may send. */
  waiting: Uint8Array[] | undefined
}

/**
 * Serves a bound datagram socket. Each client (address and port) has a session with one endpoint, which ends when nothing passed for
 * {@link UDP_IDLE_MS}, when the endpoint refuses, or when it is none any more; the client's next datagram begins another.
 */
export async function createUDPRelay(
  fd: number,
  family: Family,
  { balancer, sockets, limit, log }: RelayDeps,
  idleMs = UDP_IDLE_MS,
): Promise<Relay> {
  const server = createSocket(family === 4 ? 'udp4' : 'udp6')
  const sessions = new Map<string, Session & Disposable>()

  function begin(key: string, client: { readonly address: string; readonly port: number }) {
    const target = balancer.next(client.address)
    if (!target) return
    const socket = sockets.associate(target, () => {
      for (const datagram of session.waiting ?? []) socket.send(datagram)
      session.waiting = undefined
    })
    const end = () => {
      clearTimeout(session.timer)
      limit.leave(session)
      if (sessions.get(key) === session) sessions.delete(key)
      try {
        socket.close()
      } catch {} // it was closed
    }
    const session: Session & Disposable = {
      target,
      socket,
      timer: setTimeout(end, idleMs),
      waiting: [],
      [Symbol.dispose]: end,
    }
    // Above all ECONNREFUSED: nobody listens there.
    socket.on('error', end)
    socket.on('message', (datagram) => {
      session.timer.refresh()
      server.send(datagram, client.port, client.address)
    })
    if (!limit.enter(session)) {
      log.warn('Dropped a datagram: there are too many sessions', { source: client.address })
      end()
      return
    }
    sessions.set(key, session)
    return session
  }

  server.on('message', (datagram, client) => {
    const key = `${client.address} ${client.port}`
    const session = sessions.get(key) ?? begin(key, client)
    if (!session) return
    session.timer.refresh()
    if (!session.waiting) session.socket.send(datagram)
    else if (session.waiting.length < MAX_WAITING) session.waiting.push(datagram)
  })
  server.on('error', (error) => log.warn('Cannot relay a datagram', { error }))
  const { promise, resolve } = Promise.withResolvers<void>()
  server.bind({ fd }, resolve)
  await promise
  const endAll = (isMeant: (session: Session) => boolean) => {
    for (const session of [...sessions.values()]) if (isMeant(session)) session[Symbol.dispose]()
  }
  return {
    port: server.address().port,
    close() {
      endAll(() => true)
      server.close()
    },
    targetsChanged: () => endAll(({ target }) => !balancer.has(target)),
  }
}
