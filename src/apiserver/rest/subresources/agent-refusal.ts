import type { IncomingMessage } from 'node:http'
import { badRequest, internal, type StatusError, serverResponse } from '#api/status.ts'
import type { WholeAnswer } from '../../http/answer.ts'

/** More of a refusal is not read. Source: apiserver registry/generic/rest/response_checker.go. */
const MAX_TEXT_BYTES = 50_000

/** What a node agent's refusal says to the client, by upstream's GenericHttpResponseChecker. */
export async function explainRefusal(
  response: IncomingMessage,
  name: string,
): Promise<StatusError> {
  const code = response.statusCode ?? 500
  const text = await readText(response)
  if (code === 400) return badRequest(text)
  if (code === 500) return internal(text)
  return serverResponse(code, { group: '', plural: 'pods/log' }, name, text)
}

/** What a node agent answered instead of leaving HTTP: passed on as it is, which clients show. */
export async function passOnRefusal(response: IncomingMessage): Promise<WholeAnswer> {
  return {
    code: response.statusCode ?? 500,
    contentType: response.headers['content-type'] ?? 'text/plain',
    body: await readText(response),
  }
}

export async function readText(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    chunks.push(chunk)
    length += chunk.length
    if (length >= MAX_TEXT_BYTES) break
  }
  return Buffer.concat(chunks).toString('utf8', 0, MAX_TEXT_BYTES)
}
