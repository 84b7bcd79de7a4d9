/** Collects a protobuf message. */
export class Writer {
  readonly #parts: Uint8Array[] = []
  #length = 0

  varint(number: number, value: bigint | number): void {
    this.#push(encodeVarint(BigInt(number * 8)))
    this.#push(encodeVarint(BigInt.asUintN(64, BigInt(value))))
  }

  bytes(number: number, value: Uint8Array): void {
    this.#push(encodeVarint(BigInt(number * 8 + 2)))
    this.#push(encodeVarint(BigInt(value.length)))
    this.#push(value)
  }

  string(number: number, value: string): void {
    this.bytes(number, Buffer.from(value))
  }

  double(number: number, value: number): void {
    const bytes = new Uint8Array(8)
    new DataView(bytes.buffer).setFloat64(0, value, true)
    this.#push(encodeVarint(BigInt(number * 8 + 1)))
    this.#push(bytes)
  }

  finish(): Uint8Array {
    return Buffer.concat(this.#parts, this.#length)
  }

  #push(part: Uint8Array): void {
    this.#parts.push(part)
    this.#length += part.length
  }
}

function encodeVarint(value: bigint): Uint8Array {
  const bytes: number[] = []
  let rest = value
  for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80)
  bytes.push(Number(rest))
  return Uint8Array.from(bytes)
}
