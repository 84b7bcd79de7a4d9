import type { Duplex } from 'node:stream'
import {
  encodeClose,
  encodeControl,
  encodeMessage,
  type Frame,
  FrameDecoder,
  WebSocketError,
} from '#wire/websocket/frames.ts'
import { SharedSocket } from './shared-socket.ts'

export type MessagePart = Extract<Frame, { readonly kind: 'data' }>

const CLOSE_GRACE_MS = 5000
const NORMAL = 1000

/** The server's side of a WebSocket. Messages come in parts, as they arrive; each part is taken before the next is read. */
export class WebSocketConnection {
  /** Resolves when the connection is gone. */
  readonly closed: Promise<void>
  readonly #shared: SharedSocket

  constructor(socket: Duplex, onPart: (part: MessagePart) => Promise<void>) {
    this.#shared = new SharedSocket(socket, () => encodeControl('ping', new Uint8Array()))
    this.closed = this.#run(onPart)
  }

  /** Resolves when there is room for more. */
  send(message: Uint8Array, isText = false): Promise<void> {
    return this.#shared.write(encodeMessage(message, isText))
  }

  /** Lets what was sent go out. */
  close(code = NORMAL, reason = ''): void {
    void this.#shared.write([encodeClose(code, reason)])
    this.#shared.socket.end()
    setTimeout(() => this.#shared.socket.destroy(), CLOSE_GRACE_MS).unref()
  }

  async #run(onPart: (part: MessagePart) => Promise<void>): Promise<void> {
    const { socket } = this.#shared
    const decoder = new FrameDecoder()
    try {
      for await (const chunk of socket as AsyncIterable<Buffer>) {
        for (const frame of decoder.push(chunk)) {
          if (frame.kind === 'data') await onPart(frame)
          else if (frame.kind === 'ping')
            void this.#shared.write([encodeControl('pong', frame.data)])
          else if (frame.kind === 'close') {
            this.close()
            return
          }
        }
      }
    } catch (error) {
      if (error instanceof WebSocketError) this.close(error.code, error.message)
    } finally {
      setImmediate(() => socket.destroy()) // a close frame may still be on its way
    }
  }
}
