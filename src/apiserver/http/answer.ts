import type { ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Status } from '#api/meta.ts'

/** Of either protocol: node's HTTP/2 responses behave as those of HTTP/1. */
export type Response = ServerResponse

/** What a handler decides; only the server writes it to the wire. */
export type Answer = WholeAnswer | PiecewiseAnswer | StreamedAnswer | UpgradedAnswer

export interface WholeAnswer {
  readonly code: number
  readonly contentType: string
  readonly body: string | Uint8Array
  readonly headers?: Readonly<Record<string, string | string[]>>
}

/** A long text that is made while it is sent, so that all of it never is in memory at once. */
export interface PiecewiseAnswer {
  readonly code: number
  readonly contentType: string
  readonly headers?: Readonly<Record<string, string | string[]>>
  /** Its parts in order, each made in far less than a millisecond. Can be gone through once. */
  readonly pieces: Pieces
}

/** Text, or its UTF-8. */
export type Pieces = Iterable<string | Buffer>

export interface StreamedAnswer {
  readonly code: number
  readonly contentType: string
  readonly headers?: Readonly<Record<string, string | string[]>>
  /** Writes until it resolves; the server has sent the headers and ends the response. */
  readonly stream: (out: Response) => Promise<void>
}

/** To a request with an upgrade: whoever decided so writes everything, from the answer's first line on. */
export interface UpgradedAnswer {
  readonly upgrade: (client: Duplex) => void
}

export const JSON_TYPE = 'application/json'

export const json = (text: string, code = 200): WholeAnswer => ({
  code,
  contentType: JSON_TYPE,
  body: text,
})

export const jsonPieces = (pieces: Pieces): PiecewiseAnswer => ({
  code: 200,
  contentType: JSON_TYPE,
  pieces,
})

/** With its text in one piece. */
export function makeWhole(answer: WholeAnswer | PiecewiseAnswer): WholeAnswer {
  if ('body' in answer) return answer
  const { pieces, ...rest } = answer
  return { ...rest, body: Array.from(pieces, String).join('') }
}

export function statusAnswer(status: Status): WholeAnswer {
  const code = status.code ?? 200
  const retryAfter = status.details?.retryAfterSeconds
  const answer = json(JSON.stringify(status), code)
  return retryAfter === undefined
    ? answer
    : { ...answer, headers: { 'retry-after': String(retryAfter) } }
}
