/** Frames of SPDY/3.1, as upgraded connections of kubectl carry them. Source: SPDY protocol draft 3.1, section 2. */

export type Frame =
  /** A part of a data frame: `fin` comes with its last one. */
  | {
      readonly kind: 'data'
      readonly streamId: number
      readonly fin: boolean
      readonly data: Buffer
    }
  | {
      readonly kind: 'syn-stream' | 'syn-reply' | 'headers'
      readonly streamId: number
      readonly fin: boolean
      /** Compressed headers. */
      readonly block: Buffer
    }
  | { readonly kind: 'rst-stream'; readonly streamId: number; readonly status: number }
  | { readonly kind: 'ping'; readonly id: number }
  | { readonly kind: 'goaway'; readonly lastStreamId: number; readonly status: number }
  | { readonly kind: 'window-update'; readonly streamId: number; readonly delta: number }
  /** SETTINGS and what is not known: nothing to act on. */
  | { readonly kind: 'other'; readonly type: number }

/** The peer broke the protocol: its connection cannot go on. */
export class SPDYError extends Error {
  override readonly name = 'SPDYError'
}

const VERSION = 3
const SYN_STREAM = 1
const SYN_REPLY = 2
const RST_STREAM = 3
const PING = 6
const GOAWAY = 7
const HEADERS = 8
const WINDOW_UPDATE = 9
const FLAG_FIN = 1
const MASK_31 = 0x7fff_ffff
const HEADER_LENGTH = 8
/** A control frame holds little but headers; data frames are passed on as they come and may be of any size. */
export const MAX_CONTROL_FRAME = 64 * 1024
/** What a frame's 24 bits of length can say. */
const MAX_DATA = 0xff_ffff

interface OpenDataFrame {
  readonly streamId: number
  readonly fin: boolean
  left: number
}

/** Cuts a byte stream into frames. Keeps no more than one control frame. */
export class FrameDecoder {
  #rest: Buffer = Buffer.alloc(0)
  #data: OpenDataFrame | undefined;

  /** @throws SPDYError */
  *push(chunk: Buffer): Generator<Frame> {
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    for (;;) {
      const frame = this.#data ? this.#takeData(this.#data) : this.#takeFrame()
      if (!frame) return
      yield frame
    }
  }

  #take(length: number): Buffer {
    const taken = this.#rest.subarray(0, length)
    this.#rest = this.#rest.subarray(length)
    return taken
  }

  #takeData(frame: OpenDataFrame): Frame | undefined {
    if (this.#rest.length === 0 && frame.left > 0) return undefined
    const data = this.#take(Math.min(frame.left, this.#rest.length))
    frame.left -= data.length
    if (frame.left === 0) this.#data = undefined
    return {
      kind: 'data',
      streamId: frame.streamId,
      fin: frame.fin && frame.left === 0,
      data,
    }
  }

  #takeFrame(): Frame | undefined {
    if (this.#rest.length < HEADER_LENGTH) return undefined
    const first = this.#rest.readUInt32BE(0)
    const flags = this.#rest[4]!
    const length = this.#rest.readUIntBE(5, 3)
    if (first <= MASK_31) {
      this.#take(HEADER_LENGTH)
      this.#data = { streamId: first, fin: (flags & FLAG_FIN) !== 0, left: length }
      return this.#takeData(this.#data)
    }
    if (((first >>> 16) & 0x7fff) !== VERSION)
      throw new SPDYError(`version ${(first >>> 16) & 0x7fff} is not spoken here`)
    if (length > MAX_CONTROL_FRAME) throw new SPDYError(`a control frame of ${length} bytes`)
    if (this.#rest.length < HEADER_LENGTH + length) return undefined
    this.#take(HEADER_LENGTH)
    return decodeControl(first & 0xffff, flags, this.#take(length))
  }
}

function decodeControl(type: number, flags: number, body: Buffer): Frame {
  const word = (offset: number) => {
    if (body.length < offset + 4) throw new SPDYError(`a frame of type ${type} ends too early`)
    return body.readUInt32BE(offset)
  }
  const fin = (flags & FLAG_FIN) !== 0
  const streamId = () => word(0) & MASK_31
  switch (type) {
    case SYN_STREAM:
      if (body.length < 10) throw new SPDYError('a SYN_STREAM ends too early')
      return { kind: 'syn-stream', streamId: streamId(), fin, block: body.subarray(10) }
    case SYN_REPLY:
      return { kind: 'syn-reply', streamId: streamId(), fin, block: body.subarray(4) }
    case HEADERS:
      return { kind: 'headers', streamId: streamId(), fin, block: body.subarray(4) }
    case RST_STREAM:
      return { kind: 'rst-stream', streamId: streamId(), status: word(4) }
    case PING:
      return { kind: 'ping', id: word(0) }
    case GOAWAY:
      return { kind: 'goaway', lastStreamId: streamId(), status: word(4) }
    case WINDOW_UPDATE:
      return { kind: 'window-update', streamId: streamId(), delta: word(4) & MASK_31 }
    default:
      return { kind: 'other', type }
  }
}

/** A data frame: its header and the bytes themselves, to be written one after the other. */
export function encodeData(
  streamId: number,
  data: Uint8Array,
  fin: boolean,
): readonly Uint8Array[] {
  if (data.length > MAX_DATA) throw new RangeError(`Cannot put ${data.length} bytes in one frame`)
  const header = Buffer.alloc(HEADER_LENGTH)
  header.writeUInt32BE(streamId, 0)
  header.writeUInt32BE(data.length, 4)
  header[4] = fin ? FLAG_FIN : 0
  return data.length === 0 ? [header] : [header, data]
}

export function encodeSynReply(streamId: number, block: Uint8Array): Buffer {
  return encodeControl(SYN_REPLY, 0, [streamId], block)
}

/** Used by tests and by clients; priority and slot are 0. */
export function encodeSynStream(streamId: number, block: Uint8Array, fin = false): Buffer {
  const rest = Buffer.concat([Buffer.alloc(2), block])
  return encodeControl(SYN_STREAM, fin ? FLAG_FIN : 0, [streamId, 0], rest)
}

export function encodeRstStream(streamId: number, status: number): Buffer {
  return encodeControl(RST_STREAM, 0, [streamId, status])
}

export function encodePing(id: number): Buffer {
  return encodeControl(PING, 0, [id])
}

export function encodeGoAway(lastStreamId: number, status: number): Buffer {
  return encodeControl(GOAWAY, 0, [lastStreamId, status])
}

function encodeControl(
  type: number,
  flags: number,
  words: readonly number[],
  rest: Uint8Array = new Uint8Array(),
): Buffer {
  const frame = Buffer.alloc(HEADER_LENGTH + 4 * words.length + rest.length)
  frame.writeUInt16BE(0x8000 | VERSION, 0)
  frame.writeUInt16BE(type, 2)
  frame.writeUInt32BE(4 * words.length + rest.length, 4)
  frame[4] = flags
  words.forEach((word, index) => frame.writeUInt32BE(word, HEADER_LENGTH + 4 * index))
  frame.set(rest, HEADER_LENGTH + 4 * words.length)
  return frame
}
