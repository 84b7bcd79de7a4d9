import type { LogEntry, LogStream } from './cri-line.ts'
import type { LogOptions } from './log-options.ts'
import { type LogSource, readEntries, startOfLog, startOfTail } from './read-entries.ts'

const NEWLINE = Buffer.from('\n')

/** A container's log as `kubectl logs` shows it. With `follow` it ends with the container, or when `signal` aborts. */
export async function* readLog(
  source: LogSource,
  options: LogOptions,
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  const { tailLines, sinceMs, stream, timestamps, follow } = options
  const from =
    tailLines === undefined ? startOfLog(source.path) : await startOfTail(source.path, tailLines)
  const isMiddle = new Map<LogStream, boolean>()
  let left = options.limitBytes ?? Number.POSITIVE_INFINITY
  for await (const entry of readEntries(source, from, follow, signal)) {
    if (stream !== undefined && entry.stream !== stream) continue
    if (sinceMs !== undefined && Date.parse(entry.time) < sinceMs) continue
    const bytes = show(entry, timestamps && !isMiddle.get(entry.stream))
    isMiddle.set(entry.stream, entry.isPartial)
    yield bytes.length <= left ? bytes : bytes.subarray(0, left)
    left -= bytes.length
    if (left <= 0) return
  }
}

function show({ time, text, isPartial }: LogEntry, withTime: boolean): Buffer {
  return Buffer.concat([
    ...(withTime ? [Buffer.from(`${time} `)] : []),
    text,
    ...(isPartial ? [] : [NEWLINE]),
  ])
}
