import { type FileHandle, open } from 'node:fs/promises'
import { type LogEntry, parseEntry } from './cri-line.ts'
import { logFiles } from './log-files.ts'

const CHUNK = 64 * 1024
const NEWLINE = 10
/** A line longer than any that is written here is no line. */
const MAX_LINE = 1024 * 1024

export interface LogSource {
  readonly path: string
  /** `false` once nothing will be written any more. */
  readonly isOpen: () => boolean
  /** Resolves when it may be worth looking again. */
  readonly news: () => Promise<void>
}

/** Where to begin: in which file, and how far into it. */
export interface LogPosition {
  readonly inode: number
  readonly offset: number
}

/**
 * A log's entries from a position on, through its files in their order, also where they are put aside meanwhile. With `follow` it
 * waits for more as long as the log is open, or until aborted.
 */
export async function* readEntries(
  { path, isOpen, news }: LogSource,
  from: LogPosition,
  follow: boolean,
  signal: AbortSignal,
): AsyncGenerator<LogEntry> {
  let { inode, offset } = from
  while (!signal.aborted) {
    const wasOpen = follow && isOpen() // asked first: what is written until then is still read
    const file = logFiles(path).find((each) => each.inode === inode)
    if (file) {
      await using handle = await open(file.path, 'r')
      for await (const { entry, end } of entriesOf(handle, offset)) {
        offset = end
        if (signal.aborted) return
        if (entry) yield entry
      }
    }
    const next = fileAfter(path, inode)
    if (next !== undefined) [inode, offset] = [next, 0]
    else if (wasOpen) await news()
    else return
  }
}

/** Where the file with this inode is gone, the oldest that there is. */
function fileAfter(path: string, inode: number): number | undefined {
  const files = logFiles(path)
  const index = files.findIndex((file) => file.inode === inode)
  return files[index + 1]?.inode
}

interface Line {
  readonly entry: LogEntry | undefined
  /** Where the next begins. */
  readonly end: number
}

async function* entriesOf(file: FileHandle, start: number): AsyncGenerator<Line> {
  let rest = Buffer.alloc(0)
  let offset = start
  for (;;) {
    const chunk = Buffer.alloc(CHUNK)
    const { bytesRead } = await file.read(chunk, 0, CHUNK, offset + rest.length)
    if (bytesRead === 0) return // a line that is still being written is read next time
    let bytes = Buffer.concat([rest, chunk.subarray(0, bytesRead)])
    for (let end = bytes.indexOf(NEWLINE); end >= 0; end = bytes.indexOf(NEWLINE)) {
      offset += end + 1
      yield { entry: parseEntry(bytes.subarray(0, end)), end: offset }
      bytes = bytes.subarray(end + 1)
    }
    rest = bytes
    if (rest.length > MAX_LINE) throw new Error('Cannot read the log: it holds a line without end')
  }
}

export function startOfLog(path: string): LogPosition {
  return { inode: logFiles(path)[0]?.inode ?? 0, offset: 0 }
}

export function endOfLog(path: string): LogPosition {
  const last = logFiles(path).at(-1)
  return last ? { inode: last.inode, offset: last.size } : { inode: 0, offset: 0 }
}

/** Where the last `lines` whole lines begin, found from the end. Partial entries are counted with the line that they begin. */
export async function startOfTail(path: string, lines: number): Promise<LogPosition> {
  if (lines === 0) return endOfLog(path)
  let found = 0
  // What follows the last newline of a program is a line, too.
  let isLast = true
  for (const file of logFiles(path).toReversed()) {
    await using handle = await open(file.path, 'r')
    for await (const { start, entry } of entriesBackwards(handle)) {
      if (isLast || !entry?.isPartial) {
        if (found === lines) return { inode: file.inode, offset: start.after }
        found++
      }
      isLast = false
    }
  }
  return startOfLog(path)
}

interface BackwardLine {
  readonly start: { readonly after: number }
  readonly entry: LogEntry | undefined
}

async function* entriesBackwards(file: FileHandle): AsyncGenerator<BackwardLine> {
  const { size } = await file.stat()
  let rest = Buffer.alloc(0)
  let end = size
  for (let start = size; start > 0; ) {
    start = Math.max(0, start - CHUNK)
    const length = end - rest.length - start
    const chunk = Buffer.alloc(length)
    await file.read(chunk, 0, length, start)
    let bytes = Buffer.concat([chunk, rest])
    // The newline at the very end belongs to the last line.
    for (
      let at = bytes.lastIndexOf(NEWLINE, bytes.length - 2);
      bytes.length > 1 && at >= 0;
      at = bytes.lastIndexOf(NEWLINE, bytes.length - 2)
    ) {
      yield { start: { after: end }, entry: parseEntry(bytes.subarray(at + 1, bytes.length - 1)) }
      end -= bytes.length - at - 1
      bytes = bytes.subarray(0, at + 1)
    }
    rest = bytes
  }
  if (rest.length > 0)
    yield { start: { after: end }, entry: parseEntry(rest.subarray(0, rest.length - 1)) }
}
