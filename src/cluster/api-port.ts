import { createServer } from 'node:net'
import { API_PORT } from './options.ts'

const TRIES = 100

/** The port asked for, or 6443, or the next one that is free on the host's loopback. @throws where the one asked for is taken */
export async function chooseAPIPort(asked: number | undefined): Promise<number> {
  if (asked !== undefined) {
    if (await isFree(asked)) return asked
    throw new Error(
      `Cannot use --api-port ${asked}: something listens on 127.0.0.1:${asked} (choose another port, or leave the option out)`,
    )
  }
  for (let port = API_PORT; port < API_PORT + TRIES; port++) {
    if (await isFree(port)) return port
  }
  throw new Error(
    `Cannot find a port for the API server: 127.0.0.1:${API_PORT} to ${API_PORT + TRIES - 1} are all taken (give one with --api-port)`,
  )
}

function isFree(port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const server = createServer()
  server.once('error', () => resolve(false))
  server.listen({ host: '127.0.0.1', port, exclusive: true }, () =>
    server.close(() => resolve(true)),
  )
  return promise
}
