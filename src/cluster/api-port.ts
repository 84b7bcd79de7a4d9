import { createServer, type ListenOptions, type Server } from 'node:net'
import { API_PORT } from './options.ts'

const TRIES = 100

/** A port that no other `fairlead up` takes until it is disposed of, or the process ends. */
export interface ReservedPort extends AsyncDisposable {
  readonly port: number
}

/**
 * The port asked for, or 6443, or the next one that is free on the host's loopback. Nothing listens on it yet: the control plane will.
 * @throws Error where the one asked for is taken
 */
export async function reserveAPIPort(asked: number | undefined): Promise<ReservedPort> {
  if (asked !== undefined) {
    const reserved = await reserve(asked)
    if (reserved) return reserved
    throw new Error(
      `Cannot use --api-port ${asked}: something listens on 127.0.0.1:${asked} (choose another port, or leave the option out)`,
    )
  }
  for (let port = API_PORT; port < API_PORT + TRIES; port++) {
    const reserved = await reserve(port)
    if (reserved) return reserved
  }
  throw new Error(
    `Cannot find a port for the API server: 127.0.0.1:${API_PORT} to ${API_PORT + TRIES - 1} are all taken (give one with --api-port)`,
  )
}

/** Clusters may be started side by side: the name of an abstract socket (unix(7)) tells the others, and goes with its process. */
async function reserve(port: number): Promise<ReservedPort | undefined> {
  const claim = await listen({ path: `\0fairlead-api-port-${port}` })
  if (!claim) return
  const listener = await listen({ host: '127.0.0.1', port, exclusive: true })
  if (!listener) {
    await close(claim)
    return
  }
  await close(listener)
  return { port, [Symbol.asyncDispose]: () => close(claim) }
}

function listen(where: ListenOptions): Promise<Server | undefined> {
  const { promise, resolve } = Promise.withResolvers<Server | undefined>()
  const server = createServer()
  server.once('error', () => resolve(undefined))
  server.listen(where, () => resolve(server.unref()))
  return promise
}

function close(server: Server): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  server.close(() => resolve())
  return promise
}
