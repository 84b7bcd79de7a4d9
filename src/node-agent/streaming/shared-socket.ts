import type { Duplex } from 'node:stream'

/** How often a silent peer is asked whether it is there: one that has gone is noticed by writing only, while we wait to write to others. */
const PING_MS = 15_000

/** A connection that several streams write to. Each waits until there is room for more. */
export class SharedSocket {
  readonly socket: Duplex
  readonly #pinger: NodeJS.Timeout
  #drained: Promise<void> | undefined

  constructor(socket: Duplex, ping: () => Uint8Array) {
    this.socket = socket
    socket.on('error', () => socket.destroy())
    this.#pinger = setInterval(() => void this.write([ping()]), PING_MS)
    this.#pinger.unref()
    socket.once('close', () => clearInterval(this.#pinger))
  }

  /** Resolves when more may be written, or nothing ever again. Parts stay together. */
  async write(parts: readonly Uint8Array[]): Promise<void> {
    const { socket } = this
    if (!socket.writable) return
    socket.cork()
    const hasRoom = parts.map((part) => socket.write(part)).at(-1)
    socket.uncork()
    if (hasRoom !== false) return
    this.#drained ??= this.#waitForRoom()
    await this.#drained
  }

  async #waitForRoom(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.socket.once('drain', resolve)
    this.socket.once('close', resolve)
    await promise
    this.socket.off('drain', resolve)
    this.socket.off('close', resolve)
    this.#drained = undefined
  }
}
