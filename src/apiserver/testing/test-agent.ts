/** A stand-in for a node's agent, for tests of the streams that lead to one. */
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import type { KeyPair } from './certificates.ts'

export interface TestAgent extends AsyncDisposable {
  readonly port: number
  /** What it does with a connection that is to leave HTTP: {@link echo} at first. */
  upgrade: (request: IncomingMessage, socket: Duplex) => void
}

/** Leaves HTTP, and says back what it hears. */
export const echo: TestAgent['upgrade'] = (_, socket) => {
  socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n')
  socket.pipe(socket)
}

export async function startTestAgent({ certPEM, keyPEM }: KeyPair): Promise<TestAgent> {
  const server = createServer({ cert: certPEM, key: keyPEM })
  // A connection that has left HTTP keeps the server from closing.
  const sockets = new Set<Duplex>()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const agent: TestAgent = {
    port: (server.address() as AddressInfo).port,
    upgrade: echo,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  server.on('upgrade', (request: IncomingMessage, socket: Duplex) => {
    socket.on('error', () => socket.destroy())
    sockets.add(socket)
    agent.upgrade(request, socket)
  })
  return agent
}
