/** WebSocket frames on a server's side. Source: RFC 6455, section 5. */

export type Frame =
  /** A part of a message. `start` comes with its first, `end` with its last bytes. */
  | {
      readonly kind: 'data'
      readonly start: boolean
      readonly end: boolean
      readonly isText: boolean
      readonly data: Buffer
    }
  | { readonly kind: 'ping' | 'pong' | 'close'; readonly data: Buffer }

/** The peer broke the protocol. `code` is what the close frame is to say (section 7.4.1). */
export class WebSocketError extends Error {
  override readonly name = 'WebSocketError'
  readonly code = 1002
}

const CONTINUATION = 0
const TEXT = 1
const BINARY = 2
const CLOSE = 8
const PING = 9
const PONG = 10
const FIN = 0x80
const MASKED = 0x80
const MAX_CONTROL = 125

interface FrameHeader {
  readonly opcode: number
  readonly fin: boolean
  readonly mask: Buffer
  readonly length: number
}

/** Cuts a client's byte stream into frames. Messages are passed on as they come: nothing is kept but a frame's header. */
export class FrameDecoder {
  #rest: Buffer = Buffer.alloc(0)
  #isInMessage = false
  #isText = false
  #frame: (FrameHeader & { done: number }) | undefined;

  /** @throws WebSocketError */
  *push(chunk: Buffer): Generator<Frame> {
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    for (;;) {
      const frame = this.#takeFrame()
      if (!frame) return
      yield frame
    }
  }

  #takeFrame(): Frame | undefined {
    if (!this.#frame) {
      const header = readHeader(this.#rest)
      if (!header) return undefined
      this.#rest = this.#rest.subarray(header.size)
      this.#frame = { ...header, done: 0 }
      this.#check(header)
    }
    const frame = this.#frame
    const left = frame.length - frame.done
    const isControl = frame.opcode >= CLOSE
    if (this.#rest.length < (isControl ? left : Math.min(left, 1))) return undefined
    const data = unmask(this.#rest.subarray(0, left), frame.mask, frame.done)
    this.#rest = this.#rest.subarray(data.length)
    const isFirst = frame.done === 0
    frame.done += data.length
    const isLast = frame.done === frame.length
    if (isLast) this.#frame = undefined
    if (isControl) return { kind: controlKind(frame.opcode), data }
    const end = isLast && frame.fin
    if (end) this.#isInMessage = false
    return {
      kind: 'data',
      start: isFirst && frame.opcode !== CONTINUATION,
      end,
      isText: this.#isText,
      data,
    }
  }

  #check({ opcode, fin, length }: FrameHeader): void {
    if (opcode >= CLOSE) {
      if (opcode > PONG || !fin || length > MAX_CONTROL)
        throw new WebSocketError('a control frame that is none')
      return
    }
    if (opcode > BINARY) throw new WebSocketError(`opcode ${opcode}`)
    if ((opcode === CONTINUATION) !== this.#isInMessage)
      throw new WebSocketError('a message inside another one')
    if (opcode !== CONTINUATION) this.#isText = opcode === TEXT
    this.#isInMessage = true
  }
}

function readHeader(bytes: Buffer): (FrameHeader & { readonly size: number }) | undefined {
  if (bytes.length < 2) return undefined
  const [first, second] = [bytes[0]!, bytes[1]!]
  if ((first & 0x70) !== 0) throw new WebSocketError('an extension that was not agreed on')
  if ((second & MASKED) === 0) throw new WebSocketError('a frame without a mask')
  const short = second & 0x7f
  const lengthSize = short === 126 ? 2 : short === 127 ? 8 : 0
  const size = 2 + lengthSize + 4
  if (bytes.length < size) return undefined
  const length = lengthSize === 0 ? short : readLength(bytes, lengthSize)
  return {
    opcode: first & 0x0f,
    fin: (first & FIN) !== 0,
    mask: bytes.subarray(size - 4, size),
    length,
    size,
  }
}

function readLength(bytes: Buffer, size: number): number {
  if (size === 2) return bytes.readUInt16BE(2)
  const length = bytes.readBigUInt64BE(2)
  if (length > BigInt(Number.MAX_SAFE_INTEGER)) throw new WebSocketError('a frame without end')
  return Number(length)
}

function unmask(bytes: Buffer, mask: Buffer, offset: number): Buffer {
  const plain = Buffer.allocUnsafe(bytes.length)
  for (let i = 0; i < bytes.length; i++) plain[i] = bytes[i]! ^ mask[(offset + i) & 3]!
  return plain
}

const controlKind = (opcode: number) =>
  opcode === CLOSE ? 'close' : opcode === PING ? 'ping' : 'pong'

/** A server's frame is not masked. One frame a message. */
export function encodeMessage(data: Uint8Array, isText = false): readonly Uint8Array[] {
  return [encodeHeader(isText ? TEXT : BINARY, data.length), data]
}

/** At most 125 bytes. */
export function encodeControl(kind: 'close' | 'ping' | 'pong', data: Uint8Array): Buffer {
  const opcode = kind === 'close' ? CLOSE : kind === 'ping' ? PING : PONG
  const body = data.subarray(0, MAX_CONTROL)
  return Buffer.concat([encodeHeader(opcode, body.length), body])
}

/** Why a connection ends; 1000 where all went well. */
export function encodeClose(code: number, reason = ''): Buffer {
  const body = Buffer.alloc(2 + Buffer.byteLength(reason))
  body.writeUInt16BE(code)
  body.write(reason, 2)
  return encodeControl('close', body)
}

function encodeHeader(opcode: number, length: number): Buffer {
  if (length < 126) return Buffer.from([FIN | opcode, length])
  if (length <= 0xffff) {
    const header = Buffer.from([FIN | opcode, 126, 0, 0])
    header.writeUInt16BE(length, 2)
    return header
  }
  const header = Buffer.alloc(10)
  header[0] = FIN | opcode
  header[1] = 127
  header.writeBigUInt64BE(BigInt(length), 2)
  return header
}
