import type { Duplex } from 'node:stream'
import { MultiplexedStream } from './multiplexed-stream.ts'
import { type MessagePart, WebSocketConnection } from './websocket-connection.ts'

/** How a protocol of the `channel.k8s.io` family writes. Source: k8s.io/streaming pkg/httpstream/wsstream. */
export interface ChannelProtocol {
  /** Text messages: the channel's digit, then base64. Otherwise binary ones: the channel's number, then the bytes. */
  readonly isBase64: boolean
  /** v5: a message on channel 255 names a channel on which nothing more will come. */
  readonly canClose: boolean
}

const CLOSE_CHANNEL = 255
/** What one message carries. */
const MAX_MESSAGE = 64 * 1024

/** The numbered streams of one WebSocket. */
export class WebSocketChannels {
  readonly closed: Promise<void>
  readonly #protocol: ChannelProtocol
  readonly #connection: WebSocketConnection
  readonly #channels: readonly MultiplexedStream[]
  /** Of the message that is coming in: its channel once known, and base64 that was cut inside a group of four. */
  #channel: number | undefined
  #rest = ''

  constructor(socket: Duplex, protocol: ChannelProtocol, count: number) {
    this.#protocol = protocol
    this.#connection = new WebSocketConnection(socket, (part) => this.#take(part))
    this.#channels = Array.from({ length: count }, (_, number) => this.#createChannel(number))
    this.closed = this.#connection.closed.finally(() => {
      for (const channel of this.#channels) channel.destroy()
    })
  }

  channel(number: number): MultiplexedStream {
    return this.#channels[number]!
  }

  /** An empty message: the client learns that all is ready. */
  announce(number: number): void {
    void this.#send(number, new Uint8Array())
  }

  close(): void {
    this.#connection.close()
  }

  async #take({ start, end, data }: MessagePart): Promise<void> {
    let body = data
    if (start) [this.#channel, this.#rest] = [undefined, '']
    if (this.#channel === undefined) {
      if (data.length === 0) return
      this.#channel = this.#protocol.isBase64 ? data[0]! - 0x30 : data[0]!
      body = data.subarray(1)
    }
    if (this.#protocol.isBase64) body = this.#decode(body, end)
    if (this.#channel === CLOSE_CHANNEL && this.#protocol.canClose) {
      if (body.length > 0) await this.#channels[body[0]!]?.feed(Buffer.alloc(0), true)
      return
    }
    await this.#channels[this.#channel]?.feed(body, false)
  }

  #decode(text: Buffer, isLast: boolean): Buffer {
    const all = this.#rest + text.toString('latin1')
    const whole = isLast ? all.length : all.length - (all.length % 4)
    this.#rest = all.slice(whole)
    return Buffer.from(all.slice(0, whole), 'base64')
  }

  async #send(number: number, data: Uint8Array): Promise<void> {
    if (this.#protocol.isBase64) {
      const text = `${number}${Buffer.from(data).toString('base64')}`
      return await this.#connection.send(Buffer.from(text), true)
    }
    const message = Buffer.alloc(1 + data.length)
    message[0] = number
    message.set(data, 1)
    await this.#connection.send(message)
  }

  #createChannel(number: number): MultiplexedStream {
    return new MultiplexedStream({
      send: async (data) => {
        for (let at = 0; at < data.length; at += MAX_MESSAGE)
          await this.#send(number, data.subarray(at, at + MAX_MESSAGE))
      },
      finish: () => Promise.resolve(), // clients know no end of one channel, only of all
      forget: () => {},
    })
  }
}
