import type { LogStream } from './cri-line.ts'

/** What `kubectl logs` asks for. */
export interface LogOptions {
  readonly follow: boolean
  readonly previous: boolean
  readonly timestamps: boolean
  /** Both where undefined. */
  readonly stream: LogStream | undefined
  readonly tailLines: number | undefined
  readonly limitBytes: number | undefined
  readonly sinceMs: number | undefined
}

/** @throws RangeError in words for the client */
export function parseLogOptions(query: URLSearchParams, now: number): LogOptions {
  const seconds = wholeNumber(query, 'sinceSeconds', 1)
  const since = query.get('sinceTime')
  const sinceMs =
    seconds !== undefined ? now - seconds * 1000 : since ? Date.parse(since) : undefined
  if (Number.isNaN(sinceMs)) throw new RangeError(`invalid sinceTime: ${since}`)
  return {
    follow: query.get('follow') === 'true',
    previous: query.get('previous') === 'true',
    timestamps: query.get('timestamps') === 'true',
    stream:
      query.get('stream') === 'Stdout'
        ? 'stdout'
        : query.get('stream') === 'Stderr'
          ? 'stderr'
          : undefined,
    tailLines: wholeNumber(query, 'tailLines', 0),
    limitBytes: wholeNumber(query, 'limitBytes', 1),
    sinceMs,
  }
}

function wholeNumber(query: URLSearchParams, name: string, least: number): number | undefined {
  const text = query.get(name)
  if (text === null || text === '') return undefined
  const value = Number(text)
  if (!/^\d+$/.test(text) || value < least || value > Number.MAX_SAFE_INTEGER) {
    throw new RangeError(`invalid ${name}: ${text} (a whole number from ${least})`)
  }
  return value
}
