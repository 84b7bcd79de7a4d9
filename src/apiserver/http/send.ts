import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import type { Answer, Response } from './answer.ts'

const compress = promisify(gzip)
/** As upstream: smaller bodies are not worth the time (apiserver endpoints/handlers/responsewriters). */
const GZIP_FROM_BYTES = 128 * 1024

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
  const headers: Record<string, string | string[]> = {
    ...(answer.contentType === '' ? {} : { 'content-type': answer.contentType }),
    'cache-control': 'no-cache, private',
    ...answer.headers,
  }
  if (options.warnings.length > 0) headers.warning = warningValues(options.warnings)
  if ('stream' in answer) {
    out.writeHead(answer.code, headers)
    out.flushHeaders()
    await answer.stream(out)
    out.end()
    return
  }
  let body: Uint8Array = typeof answer.body === 'string' ? Buffer.from(answer.body) : answer.body
  if (options.acceptsGzip && body.length >= GZIP_FROM_BYTES) {
    body = await compress(body, { level: 1 })
    headers['content-encoding'] = 'gzip'
    headers.vary = 'Accept-Encoding'
  }
  headers['content-length'] = String(body.length)
  out.writeHead(answer.code, headers)
  out.end(body)
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
