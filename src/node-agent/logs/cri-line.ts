/** Lines of a container's log as CRI defines them: `TIME STREAM TAG TEXT`. Source: kubernetes/design-proposals kubelet-cri-logging. */

export type LogStream = 'stdout' | 'stderr'

export interface LogEntry {
  /** RFC 3339 with nanoseconds, as it stands in the line. */
  readonly time: string
  readonly stream: LogStream
  /** The text goes on in the stream's next entry: there was no newline yet. */
  readonly isPartial: boolean
  readonly text: Buffer
}

const NEWLINE = 10
const SPACE = 32
const P = 'P'.charCodeAt(0)

/** What a program wrote, as lines: each with its newline is whole (F), what is left over is partial (P). */
export function formatEntries(chunk: Buffer, stream: LogStream, time: string): Buffer {
  const head = `${time} ${stream} `
  const whole = Buffer.from(`${head}F `)
  const parts: Buffer[] = []
  let start = 0
  for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
    parts.push(whole, chunk.subarray(start, end + 1))
    start = end + 1
  }
  if (start < chunk.length)
    parts.push(Buffer.from(`${head}P `), chunk.subarray(start), Buffer.of(NEWLINE))
  return Buffer.concat(parts)
}

/** Reads one line without its newline; `undefined` for what is none. */
export function parseEntry(line: Buffer): LogEntry | undefined {
  const afterTime = line.indexOf(SPACE)
  const afterStream = line.indexOf(SPACE, afterTime + 1)
  if (afterTime < 0 || afterStream < 0 || line[afterStream + 2] !== SPACE) return undefined
  const stream = line.toString('latin1', afterTime + 1, afterStream)
  if (stream !== 'stdout' && stream !== 'stderr') return undefined
  return {
    time: line.toString('latin1', 0, afterTime),
    stream,
    isPartial: line[afterStream + 1] === P,
    text: line.subarray(afterStream + 3),
  }
}

/** The time now, in UTC, to the microsecond that there is, in nine digits. */
export function timeNow(): string {
  const now = performance.timeOrigin + performance.now()
  const ms = Math.floor(now)
  const micros = String(Math.floor((now - ms) * 1000)).padStart(3, '0')
  return `${new Date(ms).toISOString().slice(0, -1)}${micros}000Z`
}
