import { type DomainName, labelsOf, labelToBytes } from './name.ts'

/** The farthest that a compression pointer reaches: 14 bits (RFC 1035 section 4.1.4). */
const MAX_POINTER = 0x3fff

/** Bytes of a message in the making. Grows; remembers where names stand, to point at them. */
export class MessageWriter {
  #bytes: Buffer = Buffer.allocUnsafe(512)
  #length = 0
  readonly #offsets = new Map<string, number>()

  get length(): number {
    return this.#length
  }

  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length)
  }

  u8(value: number): void {
    this.#reserve(1)
    this.#length = this.#bytes.writeUInt8(value, this.#length)
  }

  u16(value: number): void {
    this.#reserve(2)
    this.#length = this.#bytes.writeUInt16BE(value, this.#length)
  }

  u32(value: number): void {
    this.#reserve(4)
    this.#length = this.#bytes.writeUInt32BE(value, this.#length)
  }

  /** Overwrites two bytes written before. */
  u16At(offset: number, value: number): void {
    this.#bytes.writeUInt16BE(value, offset)
  }

  raw(bytes: Uint8Array): void {
    this.#reserve(bytes.length)
    this.#bytes.set(bytes, this.#length)
    this.#length += bytes.length
  }

  /**
   * Writes a name and points at the longest end of it that was written before, in the same case: names keep their spelling.
   * `compress: false` is for targets that old resolvers would not expand (RFC 3597 section 4).
   */
  name(name: DomainName, { compress = true } = {}): void {
    const labels = labelsOf(name)
    for (let i = 0, suffix: string = name; i < labels.length; i++) {
      const known = compress ? this.#offsets.get(suffix) : undefined
      if (known !== undefined) {
        this.u16(0xc000 | known)
        return
      }
      if (this.#length <= MAX_POINTER && !this.#offsets.has(suffix)) {
        this.#offsets.set(suffix, this.#length)
      }
      const label = labelToBytes(labels[i]!)
      this.u8(label.length)
      this.raw(label)
      suffix = suffix.slice(labels[i]!.length + 1)
    }
    this.u8(0)
  }

  /** Takes back everything after `length`. */
  rewind(length: number): void {
    this.#length = length
    for (const [suffix, offset] of this.#offsets) {
      if (offset >= length) this.#offsets.delete(suffix)
    }
  }

  #reserve(bytes: number): void {
    if (this.#length + bytes <= this.#bytes.length) return
    const grown = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.#length + bytes))
    grown.set(this.#bytes.subarray(0, this.#length))
    this.#bytes = grown
  }
}
