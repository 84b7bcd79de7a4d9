import type { Writable } from 'node:stream'
import { encodePieces, writeChunks } from '../../http/encode-pieces.ts'

/** A client this far behind with live events is cut off; it lists again. */
const MAX_UNSENT_BYTES = 32 * 1024 * 1024

/** Writes the frames of one watch. */
export interface FrameWriter {
  /** At the client's pace: what is there already, however much it is. */
  writePaced(lines: Iterable<string>): Promise<void>
  /** At once, and never waiting: the client is cut off when too much is unsent. */
  write(frames: Buffer): void
  /** Lets a burst of this size pass beyond the limit: old events that the client has asked for. */
  allow(bytes: number): void
}

export function createFrameWriter(out: Writable): FrameWriter {
  let limit = MAX_UNSENT_BYTES
  const isOpen = () => !out.writableEnded && !out.destroyed
  return {
    writePaced: (lines) => writeChunks(out, encodePieces(lines)),
    write(frames) {
      if (!isOpen()) return
      out.write(frames)
      if (out.writableLength > limit) {
        out.destroy(new Error('Cannot watch on: the client does not keep up'))
      }
    },
    allow(bytes) {
      limit += bytes
    },
  }
}
