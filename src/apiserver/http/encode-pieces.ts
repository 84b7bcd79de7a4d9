import type { Writable } from 'node:stream'
import { createPace } from '../pace.ts'
import type { Pieces } from './answer.ts'

/** What is written at once: the socket has always something to do, and a list in memory little. */
const CHUNK_BYTES = 256 * 1024
const SHORT = 2048
/** A UTF-16 unit is three bytes of UTF-8 at most. */
const MOST_BYTES_A_UNIT = 3

/**
 * Pieces of text as UTF-8 in chunks, made in turns that let others be served. Two buffers take turns too, for megabytes of fresh ones make
 * garbage collections: a chunk's bytes are good until the second chunk behind it is asked for.
 */
export async function* encodePieces(pieces: Pieces): AsyncGenerator<Buffer> {
  const pace = createPace()
  let chunk: Buffer = Buffer.allocUnsafeSlow(CHUNK_BYTES)
  let spare: Buffer | undefined
  let length = 0
  const turn = () => {
    const full = chunk.subarray(0, length)
    const next = spare ?? Buffer.allocUnsafeSlow(CHUNK_BYTES)
    spare = chunk
    chunk = next
    length = 0
    return full
  }
  const isFull = (most: number) => most > chunk.length - length && length > 0
  let text = ''
  for (const piece of pieces) {
    if (pace.isDue()) await pace.rest()
    const isText = typeof piece === 'string'
    if (isText) text += piece
    // Short texts wait for those behind them, for each writing has its price.
    if (isText && text.length < SHORT) continue
    if (isFull(text.length * MOST_BYTES_A_UNIT)) yield turn()
    if (text.length * MOST_BYTES_A_UNIT > chunk.length) yield Buffer.from(text)
    else length += chunk.write(text, length)
    text = ''
    if (isText) continue
    if (isFull(piece.length)) yield turn()
    if (piece.length > chunk.length) yield piece
    else length += piece.copy(chunk, length)
  }
  if (isFull(text.length * MOST_BYTES_A_UNIT)) yield turn()
  length += chunk.write(text, length)
  if (length > 0) yield turn()
}

/** Writes chunks of {@link encodePieces} at the reader's pace: at most two are on their way. Does not end `out`; stops where it closes. */
export async function writeChunks(out: Writable, chunks: AsyncIterable<Buffer>): Promise<void> {
  const closed = Promise.withResolvers<void>()
  const isOpen = () => !out.writableEnded && !out.destroyed
  out.once('close', closed.resolve)
  try {
    let underWay: Promise<void> | undefined
    for await (const chunk of chunks) {
      await underWay
      if (!isOpen()) return
      const written = Promise.withResolvers<void>()
      out.write(chunk, () => written.resolve())
      underWay = Promise.race([written.promise, closed.promise])
    }
    await underWay
  } finally {
    out.off('close', closed.resolve)
  }
}
