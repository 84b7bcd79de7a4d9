import type { Response } from '../../http/answer.ts'

/** A client this far behind with live events is cut off; it lists again. */
const MAX_UNSENT_BYTES = 32 * 1024 * 1024
const CHUNK_BYTES = 256 * 1024

/** Writes the frames of one watch. */
export interface FrameWriter {
  /** At the client's pace: what is there already, however much it is. */
  writePaced(frames: Iterable<Buffer>): Promise<void>
  /** At once, and never waiting: the client is cut off when too much is unsent. */
  write(frames: readonly Buffer[]): void
  /** Lets a burst of this size pass beyond the limit: old events that the client has asked for. */
  allow(frames: readonly Buffer[]): void
}

export function createFrameWriter(out: Response): FrameWriter {
  let limit = MAX_UNSENT_BYTES
  const isOpen = () => !out.writableEnded && !out.destroyed
  return {
    async writePaced(frames) {
      for (const chunk of chunksOf(frames)) {
        if (!isOpen()) return
        if (!out.write(chunk)) await drained(out)
      }
    },
    write(frames) {
      if (frames.length === 0 || !isOpen()) return
      out.write(frames.length === 1 ? frames[0]! : Buffer.concat(frames))
      if (out.writableLength > limit) {
        out.destroy(new Error('Cannot watch on: the client does not keep up'))
      }
    },
    allow(frames) {
      for (const { length } of frames) limit += length
    },
  }
}

function* chunksOf(frames: Iterable<Buffer>): Generator<Buffer> {
  let chunk: Buffer[] = []
  let size = 0
  for (const frame of frames) {
    chunk.push(frame)
    size += frame.length
    if (size < CHUNK_BYTES) continue
    yield Buffer.concat(chunk)
    chunk = []
    size = 0
  }
  if (size > 0) yield Buffer.concat(chunk)
}

function drained(out: Response): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const done = () => {
    out.off('drain', done)
    out.off('close', done)
    resolve()
  }
  out.on('drain', done)
  out.on('close', done)
  return promise
}
