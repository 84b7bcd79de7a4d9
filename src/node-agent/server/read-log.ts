import { type FileHandle, open } from 'node:fs/promises'
import type { LogOptions } from './log-options.ts'

const CHUNK = 64 * 1024

export interface LogSource {
  readonly path: string
  /** `false` once nothing will be written any more. */
  readonly isOpen: () => boolean
  /** Resolves when it may be worth looking again. */
  readonly news: () => Promise<void>
}

/** A container's log as bytes. With `follow` it ends with the container, or when `signal` aborts. */
export async function* readLog(
  { path, isOpen, news }: LogSource,
  options: LogOptions,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  await using file = await open(path, 'r')
  const { size, mtimeMs } = await file.stat()
  const isOld = options.sinceMs !== undefined && mtimeMs < options.sinceMs
  let offset =
    isOld || options.tailLines === 0 ? size : await startOfTail(file, size, options.tailLines)
  let left = options.limitBytes ?? Number.POSITIVE_INFINITY
  while (left > 0 && !signal.aborted) {
    const wasOpen = options.follow && isOpen() // asked first: what is written until then is still read
    const chunk = Buffer.alloc(Math.min(CHUNK, left))
    const { bytesRead } = await file.read(chunk, 0, chunk.length, offset)
    offset += bytesRead
    left -= bytesRead
    if (bytesRead > 0) yield chunk.subarray(0, bytesRead)
    else if (wasOpen) await news()
    else return
  }
}

const NEWLINE = 10

/** Where the last `lines` lines begin, found from the end. */
async function startOfTail(
  file: FileHandle,
  size: number,
  lines: number | undefined,
): Promise<number> {
  if (lines === undefined) return 0
  const chunk = Buffer.alloc(CHUNK)
  let found = 0
  for (let end = size; end > 0; ) {
    const start = Math.max(0, end - CHUNK)
    const { bytesRead } = await file.read(chunk, 0, end - start, start)
    for (let i = bytesRead - 1; i >= 0; i--) {
      // The newline that ends the last line begins no further one.
      if (chunk[i] !== NEWLINE || start + i === size - 1) continue
      if (++found === lines) return start + i + 1
    }
    end = start
  }
  return 0
}
