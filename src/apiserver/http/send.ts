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
  if (options.warnings.length > 0) headers.warning = options.warnings.map(warningValue)
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

/** RFC 7234 section 5.5: code 299, no agent, the text as a quoted string. */
function warningValue(text: string): string {
  const printable = text.replace(/[^\x20-\x7e]/g, (character) => (character === '\n' ? ' ' : '?'))
  return `299 - "${printable.replace(/["\\]/g, '\\$&')}"`
}
