import { createPace } from '../pace.ts'

/** What is written at once: the socket has always something to do, and a list in memory little. */
const CHUNK_BYTES = 256 * 1024
/** A UTF-16 unit is three bytes of UTF-8 at most. */
const MOST_BYTES_A_UNIT = 3

/** Pieces of text as UTF-8 in chunks, made in turns that let others be served. Each piece is copied once. */
export async function* encodePieces(pieces: Iterable<string>): AsyncGenerator<Buffer> {
  const pace = createPace()
  let chunk = Buffer.allocUnsafeSlow(CHUNK_BYTES)
  let length = 0
  for (const piece of pieces) {
    if (pace.isDue()) await pace.rest()
    const most = piece.length * MOST_BYTES_A_UNIT
    if (most > chunk.length - length && length > 0) {
      yield chunk.subarray(0, length)
      chunk = Buffer.allocUnsafeSlow(CHUNK_BYTES)
      length = 0
    }
    if (most > chunk.length) yield Buffer.from(piece)
    else length += chunk.write(piece, length)
  }
  if (length > 0) yield chunk.subarray(0, length)
}
