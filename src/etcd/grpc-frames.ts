/** gRPC's messages in the data of an HTTP/2 stream: a byte for compression, four of length, the message (grpc/doc/PROTOCOL-HTTP2.md). */
import type { ClientHttp2Stream } from 'node:http2'
import type { MessageWriter } from './wire.ts'

/** Lists come in pages, and watch answers in fragments: nothing that long is etcd's. */
const MAX_MESSAGE_BYTES = 512 * 1024 * 1024
const FRAME_HEAD_BYTES = 5

/** A message with the head that gRPC puts before each: not compressed, and its length. */
export function framed(message: MessageWriter): Buffer {
  const bytes = message.finish(FRAME_HEAD_BYTES)
  bytes[0] = 0
  bytes.writeUInt32BE(message.length, 1)
  return bytes
}

/** Cuts what comes into messages. */
export function readMessages(stream: ClientHttp2Stream, heard: (message: Buffer) => void): void {
  let chunks: Buffer[] = []
  let held = 0
  let wanted = FRAME_HEAD_BYTES
  const fail = (why: string) => stream.destroy(new Error(why))
  stream.on('data', (chunk: Buffer) => {
    chunks.push(chunk)
    held += chunk.length
    if (held < wanted) return
    const bytes = chunks.length === 1 ? chunk : Buffer.concat(chunks)
    let at = 0
    for (wanted = FRAME_HEAD_BYTES; held - at >= wanted; wanted = FRAME_HEAD_BYTES) {
      const length = bytes.readUInt32BE(at + 1)
      if (bytes[at] !== 0) return fail('the message is compressed, which nobody asked for')
      if (length > MAX_MESSAGE_BYTES) return fail('the message is too long')
      wanted = FRAME_HEAD_BYTES + length
      if (held - at < wanted) break
      const message = bytes.subarray(at + FRAME_HEAD_BYTES, at + wanted)
      at += wanted
      try {
        heard(message)
      } catch (error) {
        return fail(error instanceof Error ? error.message : String(error))
      }
    }
    held -= at
    chunks = held === 0 ? [] : [bytes.subarray(at)]
  })
}
