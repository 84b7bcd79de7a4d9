/** Watches over WebSocket, which browsers open: a message an event. Source: apiserver endpoints/handlers/watch.go, HandleWS. */
import { type Duplex, Writable } from 'node:stream'
import { badRequest } from '#api/status.ts'
import { encodeClose, encodeControl, encodeMessage, FrameDecoder } from '#wire/websocket/frames.ts'
import { acceptResponse, offeredProtocols } from '#wire/websocket/handshake.ts'
import type { UpgradedAnswer } from '../../http/answer.ts'
import type { Upgrade } from '../../http/upgrade.ts'

/** A token may hide among the subprotocols: apiserver authentication/request/websocket/protocol.go. */
const TOKEN_PROTOCOL = 'base64url.bearer.authorization.k8s.io.'
const NORMAL_CLOSURE = 1000

/** Writes events to `out`, a line each, until it resolves or `signal` aborts. */
export type WriteEvents = (out: Writable, signal: AbortSignal) => Promise<void>

/** @throws StatusError 400 where the client offers several subprotocols, of which none is known */
export function watchOverWebSocket(
  { headers, head }: Upgrade,
  signal: AbortSignal,
  write: WriteEvents,
): UpgradedAnswer {
  const protocols = offeredProtocols(headers).filter((name) => !name.startsWith(TOKEN_PROTOCOL))
  if (protocols.length > 1) throw badRequest('missing or bad WebSocket-Protocol')
  const key = String(headers['sec-websocket-key'])
  return {
    upgrade(client) {
      const gone = new AbortController()
      client.on('error', () => client.destroy())
      client.once('close', () => gone.abort())
      client.write(acceptResponse(key, protocols[0] ?? ''))
      if (head.length > 0) client.unshift(head)
      ignoreMessages(client, gone)
      const lines = messagesTo(client)
      const events = write(lines, AbortSignal.any([signal, gone.signal]))
      void events.finally(() => lines.end(() => client.end(encodeClose(NORMAL_CLOSURE))))
    },
  }
}

const LINE_END = 0x0a

/** Makes each line, whose end stays in it, a message. JSON text has no other line's ends. */
function messagesTo(client: Duplex): Writable {
  let rest: Buffer[] = []
  return new Writable({
    autoDestroy: false,
    write(chunk: Buffer, _encoding, done) {
      const messages: Uint8Array[] = []
      let start = 0
      for (let end = chunk.indexOf(LINE_END); end >= 0; end = chunk.indexOf(LINE_END, start)) {
        const line = Buffer.concat([...rest, chunk.subarray(start, end + 1)])
        messages.push(...encodeMessage(line, true))
        rest = []
        start = end + 1
      }
      if (start < chunk.length) rest.push(chunk.subarray(start))
      if (messages.length === 0 || !client.writable) done()
      else client.write(Buffer.concat(messages), () => done())
    },
    destroy(error, done) {
      client.destroy()
      done(error)
    },
  }).on('error', () => client.destroy())
}

/** Clients have nothing to say but that they are there, or leave. */
function ignoreMessages(client: Duplex, gone: AbortController): void {
  const decoder = new FrameDecoder()
  client.once('end', () => gone.abort())
  client.on('data', (chunk: Buffer) => {
    try {
      for (const frame of decoder.push(chunk)) {
        if (frame.kind === 'close') gone.abort()
        if (frame.kind === 'ping' && client.writable)
          client.write(encodeControl('pong', frame.data))
      }
    } catch {
      client.destroy() // the peer broke the protocol
    }
  })
}
