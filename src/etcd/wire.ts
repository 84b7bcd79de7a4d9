/**
 * Protobuf's wire format for etcd's messages (protobuf.dev/programming-guides/encoding). Numbers are doubles: a
 * revision passes 2^53 after 285,000 years of 1,000 writes a second. Kept apart from `api/protobuf`, whose integers
 * are exact to 64 bits and cost a BigInt each: here every write and event of the store comes by.
 */
export class WireError extends Error {
  override readonly name = 'WireError'
}

type Part = Uint8Array | string

/** Collects a message. Fields that hold nothing (0, false, empty) are left out, as proto3 wants it. */
export class MessageWriter {
  readonly #parts: Part[] = []
  readonly #lengths: number[] = []
  #length = 0

  number(field: number, value: number): this {
    if (value === 0) return this
    return this.#varint(field * 8).#varint(value)
  }

  /** For ids, which use all 64 bits. */
  id(field: number, value: bigint): this {
    if (value === 0n) return this
    const bytes: number[] = []
    let rest = BigInt.asUintN(64, value)
    for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80)
    bytes.push(Number(rest))
    return this.#varint(field * 8).#push(Uint8Array.from(bytes), bytes.length)
  }

  boolean(field: number, value: boolean): this {
    return this.number(field, value ? 1 : 0)
  }

  text(field: number, value: string): this {
    if (value === '') return this
    const length = Buffer.byteLength(value)
    return this.#varint(field * 8 + 2)
      .#varint(length)
      .#push(value, length)
  }

  /** Written even where it is empty: that it is there may be all it says. */
  message(field: number, value: MessageWriter): this {
    this.#varint(field * 8 + 2).#varint(value.#length)
    this.#parts.push(...value.#parts)
    this.#lengths.push(...value.#lengths)
    this.#length += value.#length
    return this
  }

  get length(): number {
    return this.#length
  }

  /** The message, after `headroom` bytes for the caller. */
  finish(headroom = 0): Buffer {
    const bytes = Buffer.allocUnsafe(headroom + this.#length)
    let at = headroom
    for (const [i, part] of this.#parts.entries()) {
      if (typeof part === 'string') bytes.write(part, at)
      else bytes.set(part, at)
      at += this.#lengths[i]!
    }
    return bytes
  }

  #varint(value: number): this {
    const bytes: number[] = []
    let rest = value
    for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80)
    bytes.push(rest)
    return this.#push(Uint8Array.from(bytes), bytes.length)
  }

  #push(part: Part, length: number): this {
    this.#parts.push(part)
    this.#lengths.push(length)
    this.#length += length
    return this
  }
}

/** Walks over the fields of a message: `while (reader.next()) switch (reader.field) { case 1: … reader.number() }`. */
export class MessageReader {
  readonly #bytes: Buffer
  #at: number
  readonly #end: number
  #type = 0
  #isRead = true
  field = 0

  constructor(bytes: Buffer, start = 0, end = bytes.length) {
    this.#bytes = bytes
    this.#at = start
    this.#end = end
  }

  /** Steps to the next field, over the value of the last one if nobody read it. @throws WireError */
  next(): boolean {
    if (!this.#isRead) this.#skip()
    if (this.#at >= this.#end) return false
    const tag = this.#varint()
    this.field = Math.floor(tag / 8)
    this.#type = tag % 8
    this.#isRead = false
    return true
  }

  /** @throws WireError where the field is none */
  number(): number {
    this.#expect(0)
    return this.#varint()
  }

  /** An id, exact to 64 bits. */
  id(): bigint {
    this.#expect(0)
    let value = 0n
    for (let shift = 0n; shift < 70n; shift += 7n) {
      if (this.#at >= this.#end) throw new WireError('Cannot read a message: it ends early')
      const byte = this.#bytes[this.#at++]!
      value |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) return BigInt.asIntN(64, value)
    }
    throw new WireError('Cannot read a message: a number has more than ten bytes')
  }

  text(): string {
    const end = this.#span()
    const text = this.#bytes.toString('utf8', this.#at, end)
    this.#at = end
    return text
  }

  message(): MessageReader {
    const end = this.#span()
    const reader = new MessageReader(this.#bytes, this.#at, end)
    this.#at = end
    return reader
  }

  #expect(type: number): void {
    if (this.#type !== type)
      throw new WireError(`Cannot read field ${this.field}: it has wire type ${this.#type}`)
    this.#isRead = true
  }

  #span(): number {
    this.#expect(2)
    const length = this.#varint()
    const end = this.#at + length
    if (end > this.#end) throw new WireError('Cannot read a message: it ends early')
    return end
  }

  #skip(): void {
    if (this.#type === 0) this.number()
    else if (this.#type === 2) this.message()
    else if (this.#type === 1) this.#at += 8
    else if (this.#type === 5) this.#at += 4
    else throw new WireError(`Cannot read a message: there is no wire type ${this.#type}`)
    this.#isRead = true
    if (this.#at > this.#end) throw new WireError('Cannot read a message: it ends early')
  }

  /** Ten bytes at most; what is negative (two's complement) or beyond 2^53 comes out as a large number. */
  #varint(): number {
    let value = 0
    let scale = 1
    for (let count = 0; count < 10; count++) {
      if (this.#at >= this.#end) throw new WireError('Cannot read a message: it ends early')
      const byte = this.#bytes[this.#at++]!
      value += (byte & 0x7f) * scale
      if (byte < 0x80) return value
      scale *= 0x80
    }
    throw new WireError('Cannot read a message: a number has more than ten bytes')
  }
}
