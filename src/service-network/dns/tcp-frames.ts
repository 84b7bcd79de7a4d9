import { MAX_MESSAGE_BYTES } from '#wire/dns/encode-message.ts'

/** A message as it goes over TCP: its length in two bytes, then itself (RFC 1035 section 4.2.2). */
export function frame(message: Uint8Array): Uint8Array {
  const framed = Buffer.allocUnsafe(2 + message.length)
  framed.writeUInt16BE(message.length)
  framed.set(message, 2)
  return framed
}

/** Cuts a byte stream into messages, however it arrives. Holds at most one message and the bytes of one read. */
export function createFrameReader(
  onMessage: (message: Uint8Array) => void,
): (chunk: Buffer) => void {
  let held: Buffer = Buffer.alloc(0)
  return (chunk) => {
    held = held.length === 0 ? chunk : Buffer.concat([held, chunk], held.length + chunk.length)
    while (held.length >= 2) {
      const end = 2 + held.readUInt16BE()
      if (held.length < end) break
      onMessage(held.subarray(2, end))
      held = held.subarray(end)
    }
    if (held.length > MAX_MESSAGE_BYTES + 2) throw new RangeError('Cannot hold more than a message')
  }
}
