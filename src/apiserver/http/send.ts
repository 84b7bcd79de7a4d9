import { pipeline } from 'node:stream/promises'
import { promisify } from 'node:util'
import { createGzip, gzip } from 'node:zlib'
import { createPace } from '../pace.ts'
import type { Answer, Pieces, Response } from './answer.ts'
import { encodePieces, writeChunks } from './encode-pieces.ts'

const compress = promisify(gzip)
/** As upstream: smaller bodies are not worth the time (apiserver endpoints/handlers/responsewriters). */
const GZIP_FROM_BYTES = 128 * 1024
const GZIP_LEVEL = 1
const GZIP_HEADERS = { 'content-encoding': 'gzip', vary: 'Accept-Encoding' }

export interface SendOptions {
  readonly acceptsGzip: boolean
  /** Sentences for Warning headers. */
  readonly warnings: readonly string[]
}

export async function send(out: Response, answer: Answer, options: SendOptions): Promise<void> {
  if ('upgrade' in answer) {
    const { socket } = out
    if (!socket) return // the client has gone
    out.detachSocket(socket)
    answer.upgrade(socket)
    return
  }
  const headers: Headers = {
    ...(answer.contentType === '' ? {} : { 'content-type': answer.contentType }),
    'cache-control': 'no-cache, private',
    ...answer.headers,
  }
  if (options.warnings.length > 0) headers.warning = warningValues(options.warnings)
  const head = { code: answer.code, headers }
  if ('stream' in answer) {
    out.writeHead(answer.code, headers)
    out.flushHeaders()
    await answer.stream(out)
    out.end()
  } else if ('pieces' in answer) await sendPieces(out, head, answer.pieces, options)
  else await sendWhole(out, head, answer.body, options)
}

type Headers = Record<string, string | string[]>

interface Head {
  readonly code: number
  readonly headers: Headers
}

async function sendWhole(
  out: Response,
  { code, headers }: Head,
  content: string | Uint8Array,
  { acceptsGzip }: SendOptions,
): Promise<void> {
  let body: Uint8Array = typeof content === 'string' ? Buffer.from(content) : content
  if (acceptsGzip && body.length >= GZIP_FROM_BYTES) {
    body = await compress(body, { level: GZIP_LEVEL })
    Object.assign(headers, GZIP_HEADERS)
  }
  headers['content-length'] = String(body.length)
  out.writeHead(code, headers)
  out.end(body)
}

/** At the client's pace. What is short is sent as a whole, with its length. */
async function sendPieces(
  out: Response,
  { code, headers }: Head,
  pieces: Pieces,
  options: SendOptions,
): Promise<void> {
  const rest = pieces[Symbol.iterator]()
  const pace = createPace()
  const start: Buffer[] = []
  for (let length = 0; length < GZIP_FROM_BYTES; length += start.at(-1)!.length) {
    const { done, value } = rest.next()
    if (done) return sendWhole(out, { code, headers }, Buffer.concat(start), options)
    start.push(typeof value === 'string' ? Buffer.from(value) : value)
    if (pace.isDue()) await pace.rest()
  }
  const chunks = encodePieces(beginWith<string | Buffer>(start, rest))
  if (options.acceptsGzip) {
    out.writeHead(code, { ...headers, ...GZIP_HEADERS })
    const packer = createGzip({ level: GZIP_LEVEL })
    await Promise.all([writeChunks(packer, chunks).then(() => packer.end()), pipeline(packer, out)])
  } else {
    out.writeHead(code, headers)
    await writeChunks(out, chunks)
    out.end()
  }
}

function* beginWith<T>(start: readonly T[], rest: Iterator<T>): Generator<T> {
  yield* start
  for (let next = rest.next(); !next.done; next = rest.next()) yield next.value
}

/** All warnings together, and each where they are more. Source: apiserver endpoints/filters/warning.go. */
const MAX_WARNINGS_RUNES = 4096
const MAX_WARNING_RUNES = 256

function warningValues(texts: readonly string[]): string[] {
  const runes = [...new Set(texts)].filter((text) => text !== '').map((text) => [...text])
  const total = runes.reduce((sum, { length }) => sum + length, 0)
  if (total <= MAX_WARNINGS_RUNES) return runes.map((each) => warningValue(each.join('')))
  let written = 0
  const values: string[] = []
  for (const each of runes) {
    if (written >= MAX_WARNINGS_RUNES) break
    const cut = each.slice(0, MAX_WARNING_RUNES)
    written += cut.length
    values.push(warningValue(cut.join('')))
  }
  return values
}

/** RFC 7234 section 5.5: code 299, no agent, the text as a quoted string, in bytes of UTF-8. */
function warningValue(text: string): string {
  const printable = text.replace(/[\x00-\x1f\x7f]/g, ' ').replace(/["\\]/g, '\\$&')
  return `299 - "${Buffer.from(printable).toString('latin1')}"`
}
