import type { IncomingMessage } from 'node:http'
import type { Http2ServerRequest } from 'node:http2'
import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import { badRequest, limitExceeded } from '#api/status.ts'

const expand = promisify(gunzip)
/** As upstream's MaxRequestBodyBytes. */
export const MAX_BODY_BYTES = 3 * 1024 * 1024

export type Request = IncomingMessage | Http2ServerRequest

/** @throws StatusError 413, 400 */
export async function readBody(request: Request): Promise<Buffer> {
  if (Number(request.headers['content-length'] ?? 0) > MAX_BODY_BYTES) {
    throw limitExceeded(MAX_BODY_BYTES)
  }
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length
    if (length > MAX_BODY_BYTES) throw limitExceeded(MAX_BODY_BYTES)
    chunks.push(chunk)
  }
  const body = chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)
  return request.headers['content-encoding'] === 'gzip' ? unpack(body) : body
}

async function unpack(body: Buffer): Promise<Buffer> {
  try {
    return await expand(body, { maxOutputLength: MAX_BODY_BYTES })
  } catch (cause) {
    if (cause instanceof RangeError) throw limitExceeded(MAX_BODY_BYTES)
    throw badRequest(`error decoding gzip body: ${cause instanceof Error ? cause.message : cause}`)
  }
}
