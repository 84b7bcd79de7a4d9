import { createInflate, type Inflate } from 'node:zlib'
import { HEADER_DICTIONARY } from './dictionary.ts'
import { SPDYError } from './frames.ts'

/** Lower-case names. */
export type Headers = ReadonlyMap<string, string>

/** More is not expanded: kubectl sends a few dozen bytes. */
const MAX_EXPANDED = 64 * 1024
const MAX_HEADERS = 100

/** Reads a connection's header blocks, which are one compressed stream: each in its turn, none left out. */
export class HeaderBlockReader implements Disposable {
  readonly #inflate: Inflate = createInflate({ dictionary: HEADER_DICTIONARY })
  #chunks: Buffer[] = []
  #length = 0
  #failure: Error | undefined
  #settle: (() => void) | undefined

  constructor() {
    this.#inflate.on('data', (chunk: Buffer) => {
      this.#length += chunk.length
      if (this.#length <= MAX_EXPANDED) this.#chunks.push(chunk)
      else this.#fail(new SPDYError('headers are too large'))
    })
    this.#inflate.on('error', (cause) => this.#fail(new SPDYError(cause.message, { cause })))
  }

  /** @throws SPDYError */
  async read(block: Uint8Array): Promise<Headers> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#settle = resolve
    this.#chunks = []
    this.#length = 0
    if (!this.#failure) {
      this.#inflate.write(block, () => resolve())
      await promise
    }
    if (this.#failure) throw this.#failure
    return parseHeaders(Buffer.concat(this.#chunks))
  }

  #fail(failure: Error): void {
    this.#failure ??= failure
    this.#inflate.destroy()
    this.#settle?.()
  }

  [Symbol.dispose](): void {
    this.#fail(new SPDYError('the connection is closed'))
  }
}

/** Source: section 2.6.10: a count, then names and values, each behind its length. */
function parseHeaders(bytes: Buffer): Headers {
  const headers = new Map<string, string>()
  let offset = 0
  const number = () => {
    if (offset + 4 > bytes.length) throw new SPDYError('headers end too early')
    offset += 4
    return bytes.readUInt32BE(offset - 4)
  }
  const text = () => {
    const length = number()
    if (length > bytes.length - offset) throw new SPDYError('headers end too early')
    offset += length
    return bytes.toString('utf8', offset - length, offset)
  }
  const count = number()
  if (count > MAX_HEADERS) throw new SPDYError(`${count} headers`)
  for (let i = 0; i < count; i++) headers.set(text().toLowerCase(), text())
  return headers
}

/** zlib's own header (RFC 1950): deflate, window of 32 kB, no dictionary used, which the sender is free to. */
const ZLIB_HEADER = Buffer.from([0x78, 0x01])
/** An empty block: Go's reader gives nothing of a stored block away before it has seen the next. */
const FLUSH = Buffer.from([0x00, 0x00, 0x00, 0xff, 0xff])

/**
 * Writes a connection's header blocks. They are stored, not compressed (RFC 1951, section 3.2.4): our replies have no headers, and a
 * compressor would take 256 kB of memory for each connection.
 */
export class HeaderBlockWriter {
  #isFirst = true

  write(headers: Headers = new Map()): Buffer {
    const words = [...headers].flatMap(([name, value]) => [field(name), field(value)])
    const bytes = Buffer.concat([numberOf(headers.size), ...words])
    if (bytes.length > 0xffff) throw new RangeError(`Cannot write ${bytes.length} bytes of headers`)
    const stored = Buffer.alloc(5)
    stored.writeUInt16LE(bytes.length, 1)
    stored.writeUInt16LE(~bytes.length & 0xffff, 3)
    const start = this.#isFirst ? ZLIB_HEADER : Buffer.alloc(0)
    this.#isFirst = false
    return Buffer.concat([start, stored, bytes, FLUSH])
  }
}

function numberOf(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

function field(text: string): Buffer {
  const bytes = Buffer.from(text)
  return Buffer.concat([numberOf(bytes.length), bytes])
}
