import type { Duplex } from 'node:stream'
import {
  encodeData,
  encodeGoAway,
  encodePing,
  encodeRstStream,
  encodeSynReply,
  type Frame,
  FrameDecoder,
  SPDYError,
} from '#wire/spdy/frames.ts'
import { HeaderBlockReader, HeaderBlockWriter, type Headers } from '#wire/spdy/header-blocks.ts'
import { MultiplexedStream } from './multiplexed-stream.ts'
import { SharedSocket } from './shared-socket.ts'

export interface SPDYStream {
  readonly id: number
  readonly headers: Headers
  readonly stream: MultiplexedStream
}

const MAX_STREAMS = 1000
const REFUSED_STREAM = 3
const CANCEL = 5
const PROTOCOL_ERROR = 1
/** A server's own pings have even numbers (section 2.6.5). */
const PING_ID = 2
/** What one frame carries: as much as a reader's buffer. */
const MAX_FRAME = 64 * 1024
const CLOSE_GRACE_MS = 5000

/**
 * The server's side of a SPDY/3.1 connection: the client opens streams, each is answered and handed on. Windows are not kept: the library
 * that kubectl uses neither tells of nor heeds them, so TCP alone says how fast. Ends with its socket.
 */
export class SPDYConnection {
  /** Resolves when the connection is gone. */
  readonly closed: Promise<void>
  readonly #shared: SharedSocket
  readonly #onStream: (stream: SPDYStream) => void
  readonly #streams = new Map<number, MultiplexedStream>()
  readonly #reader = new HeaderBlockReader()
  readonly #writer = new HeaderBlockWriter()
  #lastStreamId = 0

  constructor(socket: Duplex, onStream: (stream: SPDYStream) => void) {
    this.#shared = new SharedSocket(socket, () => encodePing(PING_ID))
    this.#onStream = onStream
    this.closed = this.#run()
  }

  /** Lets what was written go out. */
  close(): void {
    void this.#shared.write([encodeGoAway(this.#lastStreamId, 0)])
    this.#shared.socket.end()
    setTimeout(() => this.#shared.socket.destroy(), CLOSE_GRACE_MS).unref()
  }

  async #run(): Promise<void> {
    const { socket } = this.#shared
    const decoder = new FrameDecoder()
    try {
      for await (const chunk of socket as AsyncIterable<Buffer>)
        for (const frame of decoder.push(chunk)) await this.#take(frame)
    } catch (error) {
      if (error instanceof SPDYError)
        void this.#shared.write([encodeGoAway(this.#lastStreamId, PROTOCOL_ERROR)])
    } finally {
      socket.destroy()
      this.#reader[Symbol.dispose]()
      for (const stream of [...this.#streams.values()]) stream.destroy()
    }
  }

  async #take(frame: Frame): Promise<void> {
    switch (frame.kind) {
      case 'syn-stream':
        return await this.#open(frame)
      case 'headers':
        return void (await this.#reader.read(frame.block)) // part of one compressed stream
      case 'data':
        return await this.#streams.get(frame.streamId)?.feed(frame.data, frame.fin)
      case 'rst-stream':
        return void this.#streams.get(frame.streamId)?.destroy()
      case 'ping':
        // Even numbers are answers to our own.
        if (frame.id % 2 === 1) await this.#shared.write([encodePing(frame.id)])
    }
  }

  async #open({
    streamId,
    fin,
    block,
  }: Extract<Frame, { readonly kind: 'syn-stream' | 'syn-reply' | 'headers' }>): Promise<void> {
    const headers = await this.#reader.read(block)
    if (streamId % 2 === 0 || streamId <= this.#lastStreamId)
      throw new SPDYError(`stream ${streamId} is out of turn`)
    this.#lastStreamId = streamId
    if (this.#streams.size >= MAX_STREAMS) {
      await this.#shared.write([encodeRstStream(streamId, REFUSED_STREAM)])
      return
    }
    const stream = this.#createStream(streamId)
    await this.#shared.write([encodeSynReply(streamId, this.#writer.write())])
    if (fin) await stream.feed(Buffer.alloc(0), true)
    this.#onStream({ id: streamId, headers, stream })
  }

  #createStream(id: number): MultiplexedStream {
    const stream = new MultiplexedStream({
      send: async (data) => {
        for (let at = 0; at < data.length; at += MAX_FRAME)
          await this.#shared.write(encodeData(id, data.subarray(at, at + MAX_FRAME), false))
      },
      finish: () => this.#shared.write(encodeData(id, new Uint8Array(), true)),
      forget: (isWhole) => {
        this.#streams.delete(id)
        if (!isWhole) void this.#shared.write([encodeRstStream(id, CANCEL)])
      },
    })
    this.#streams.set(id, stream)
    return stream
  }
}
