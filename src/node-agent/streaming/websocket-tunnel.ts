import type { Duplex } from 'node:stream'
import { MultiplexedStream } from './multiplexed-stream.ts'
import { WebSocketConnection } from './websocket-connection.ts'

/** A byte stream inside the binary messages of a WebSocket: kubectl sends SPDY through one (KEP 4006). */
export function openTunnel(socket: Duplex): Duplex {
  const connection = new WebSocketConnection(socket, ({ data }) => tunnel.feed(data, false))
  const tunnel = new MultiplexedStream({
    send: (data) => connection.send(data),
    finish: async () => connection.close(),
    forget: () => connection.close(),
  })
  void connection.closed.then(() => tunnel.feed(Buffer.alloc(0), true))
  return tunnel
}
