import { Duplex } from 'node:stream'

/** What a stream's bytes travel in: frames of SPDY, messages of WebSocket. */
export interface Carrier {
  send(data: Uint8Array): Promise<void>
  /** Nothing more is sent. */
  finish(): Promise<void>
  /** Nobody is interested any more. */
  forget(isWhole: boolean): void
}

/** More is not kept for a reader that is slow: then nothing is read from the connection, whichever stream it is for. */
const MAX_UNREAD = 256 * 1024

/** One of several streams in a connection. Either direction ends by itself. */
export class MultiplexedStream extends Duplex {
  readonly #carrier: Carrier
  #room: PromiseWithResolvers<void> | undefined

  constructor(carrier: Carrier) {
    super({ allowHalfOpen: true, readableHighWaterMark: MAX_UNREAD })
    this.#carrier = carrier
    this.on('error', () => {}) // whoever uses it hears of it by its end
  }

  /** Takes what the peer sent; resolves when there is room for more. */
  async feed(data: Buffer, isLast: boolean): Promise<void> {
    if (this.destroyed || this.readableEnded) return
    const hasRoom = data.length === 0 || this.push(data)
    if (isLast) this.push(null)
    else if (!hasRoom) {
      this.#room = Promise.withResolvers()
      await this.#room.promise
    }
  }

  override _read(): void {
    this.#room?.resolve()
    this.#room = undefined
  }

  override _write(data: Buffer, _: BufferEncoding, done: (error?: Error) => void): void {
    this.#carrier.send(data).then(() => done(), done)
  }

  override _final(done: (error?: Error) => void): void {
    this.#carrier.finish().then(() => done(), done)
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#room?.resolve()
    this.#carrier.forget(this.readableEnded && this.writableFinished)
    done(error)
  }
}
