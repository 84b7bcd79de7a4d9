import { createSocket, type Socket as UDPSocket } from 'node:dgram'
import { createServer, type Server, type Socket } from 'node:net'
import { type Family, familyOf, type IP } from '#ip/ip.ts'
import type { Log } from '#log/log.ts'
import type { Protocol } from './exchange.ts'
import { createFrameReader, frame } from './tcp-frames.ts'

/** Answers a packet, or not. */
export type Respond = (packet: Uint8Array, protocol: Protocol) => Promise<Uint8Array | undefined>

/** Where to listen: at an address, or on sockets that were opened elsewhere. */
export type Endpoint =
  | { readonly address: IP; readonly port: number }
  | { readonly udpFd: number; readonly tcpFd: number; readonly family?: Family }

export interface DNSServer extends AsyncDisposable {
  /** Where it listens, for both protocols. */
  readonly address: string
  readonly port: number
}

/** RFC 7766 section 6.2.3 wants seconds, not minutes. */
const IDLE_MS = 10_000
const MAX_CONNECTIONS = 256
/** Of one connection: a client that sends on without reading is not read. */
const MAX_PIPELINED = 128
const MAX_UNREAD_BYTES = 1 << 20

/** Listens on UDP and TCP. @throws where an address is taken */
export async function serveDNS(endpoint: Endpoint, respond: Respond, log: Log): Promise<DNSServer> {
  const udp = await listenUDP(endpoint, respond, log)
  const { address, port } = udp.address()
  try {
    const tcp = await listenTCP(endpoint, port, respond, log)
    return {
      address,
      port,
      async [Symbol.asyncDispose]() {
        udp.close()
        tcp.destroyConnections()
        await new Promise((resolve) => tcp.server.close(resolve))
      },
    }
  } catch (error) {
    udp.close()
    throw error
  }
}

async function listenUDP(endpoint: Endpoint, respond: Respond, log: Log): Promise<UDPSocket> {
  const family = 'address' in endpoint ? familyOf(endpoint.address) : endpoint.family
  const type = family === 6 ? 'udp6' : 'udp4'
  // Without a look-up of its own, every packet that is sent goes through the name service's code.
  const socket = createSocket({
    type,
    lookup: (host, _, done) => done(null, host, type === 'udp6' ? 6 : 4),
  })
  socket.on('message', (packet, { address, port }) => {
    void respond(packet, 'udp').then(
      (answer) => {
        if (answer) socket.send(answer, port, address, () => {})
      },
      () => {},
    )
  })
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  socket.once('error', reject)
  socket.once('listening', () => resolve())
  if ('address' in endpoint) socket.bind(endpoint.port, endpoint.address)
  else socket.bind({ fd: endpoint.udpFd })
  await promise
  socket.off('error', reject)
  socket.on('error', (error) => log.warn('Cannot serve a UDP packet', { error }))
  return socket
}

async function listenTCP(
  endpoint: Endpoint,
  port: number,
  respond: Respond,
  log: Log,
): Promise<{ readonly server: Server; destroyConnections(): void }> {
  const connections = new Set<Socket>()
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    connections.add(socket)
    socket.on('close', () => connections.delete(socket))
    serveConnection(socket, respond)
  })
  server.maxConnections = MAX_CONNECTIONS
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  server.once('error', reject)
  if ('address' in endpoint) server.listen(port, endpoint.address, resolve)
  else server.listen({ fd: endpoint.tcpFd }, resolve)
  await promise
  server.off('error', reject)
  server.on('error', (error) => log.warn('Cannot accept a TCP connection', { error }))
  return {
    server,
    destroyConnections() {
      for (const socket of connections) socket.destroy()
    },
  }
}

/** Queries of one connection are answered as they get ready, not in their order (RFC 7766 section 6.2.1.1). */
function serveConnection(socket: Socket, respond: Respond): void {
  let pending = 0
  const settle = (answer: Uint8Array | undefined) => {
    pending--
    if (socket.destroyed) return
    if (answer) socket.write(frame(answer))
    if (socket.writableLength > MAX_UNREAD_BYTES) socket.destroy()
    else if (pending < MAX_PIPELINED && socket.isPaused()) socket.resume()
    if (pending === 0 && socket.readableEnded) socket.end()
  }
  const read = createFrameReader((packet) => {
    pending++
    if (pending >= MAX_PIPELINED) socket.pause()
    // A frame is a view of what was read: the next read must not change it.
    respond(Buffer.from(packet), 'tcp').then(settle, () => settle(undefined))
  })
  socket.setNoDelay()
  socket.setTimeout(IDLE_MS, () => socket.destroy())
  socket.on('error', () => socket.destroy())
  socket.on('data', read)
  // A client may say that it asks no more and still wait for its answers.
  socket.on('end', () => {
    if (pending === 0) socket.end()
  })
}
