import type { Socket } from 'node:net'
import type { Balancer } from './balancer.ts'
import type { Sockets } from './sockets.ts'

/** How long each endpoint in turn may take to answer: kube-proxy's endpointDialTimeouts (pkg/proxy/userspace/proxysocket.go). */
export const DIAL_TIMEOUTS_MS = [250, 500, 1000, 2000] as const

/**
 * Connects a client to the next endpoint that answers. One that refuses is passed over at once, one that is silent after its time.
 * `undefined` where none answered, or `signal` aborted: the client left.
 */
export async function dialNext(
  client: string,
  balancer: Balancer,
  sockets: Pick<Sockets, 'connect'>,
  signal: AbortSignal,
): Promise<Socket | undefined> {
  for (const [attempt, timeoutMs] of DIAL_TIMEOUTS_MS.entries()) {
    if (signal.aborted) return
    const target = balancer.next(client, { failed: attempt > 0 })
    if (!target) return
    const socket = await connected(sockets.connect(target), timeoutMs, signal)
    if (socket) return socket
  }
  return
}

function connected(
  socket: Socket,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<Socket | undefined> {
  const { promise, resolve } = Promise.withResolvers<Socket | undefined>()
  const give = (result: Socket | undefined) => {
    clearTimeout(timer)
    signal.removeEventListener('abort', giveUp)
    if (!result) socket.destroy()
    resolve(result)
  }
  const giveUp = () => give(undefined)
  const timer = setTimeout(giveUp, timeoutMs)
  signal.addEventListener('abort', giveUp, { once: true })
  socket.once('connect', () => give(socket))
  // Stays for good: an error that nobody hears would end the process.
  socket.on('error', giveUp)
  return promise
}
