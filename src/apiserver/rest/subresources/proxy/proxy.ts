/** The proxy subresources. Source: apimachinery pkg/util/proxy/{upgradeaware,transport}.go. */
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { serviceUnavailable } from '#api/status.ts'
import type { Answer } from '../../../http/answer.ts'
import type { Request } from '../../../http/read-body.ts'
import { splitProxyPath } from '../../../http/request-path.ts'
import { splice, type Upgrade } from '../../../http/upgrade.ts'
import type { RESTDeps, RESTRequest } from '../../request.ts'
import { forwardedHeaders, returnedHeaders } from './proxy-headers.ts'
import { findProxyTarget, type ProxyTarget } from './proxy-target.ts'
import { isHTML, rewriteBody } from './rewrite-html.ts'
import { type LinkBase, rewriteLink } from './rewrite-link.ts'

// Asked for, not imported: an import takes 70 ms, since it evaluates all of node's fetch.
const { request: httpRequest } = process.getBuiltinModule('node:http')

export const proxy = {
  get: forward,
  create: forward,
  update: forward,
  patch: forward,
  delete: forward,
}

async function forward(request: RESTRequest, deps: RESTDeps): Promise<Answer> {
  const { incoming, upgrade, signal } = request
  const url = incoming.url ?? '/'
  const { prefix, path, query } = splitProxyPath(url)
  const target = await findProxyTarget(request, deps)
  if (upgrade) return await forwardUpgrade(upgrade, `${path || '/'}${query}`, target, request)
  if (path === '' && (incoming.method === 'GET' || incoming.method === 'HEAD'))
    return { code: 301, contentType: '', body: '', headers: { location: `${prefix}/${query}` } }
  const base = { prefix, targetHost: target.host, requestHost: hostOf(incoming) }
  const socket = await target.connect(signal)
  const response = await send(incoming, socket, `${path || '/'}${query}`, url)
  return answerWith(response, base)
}

/** The request as it came, over a connection of its own, which ends with the answer. */
function send(
  incoming: Request,
  socket: Duplex,
  path: string,
  url: string,
): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
  const { method = 'GET' } = incoming
  const headers = { ...forwardedHeaders(incoming, url), connection: 'close' }
  const outgoing = httpRequest({ createConnection: () => socket, method, path, headers })
  const fail = ({ message }: Error) =>
    reject(serviceUnavailable(`error trying to reach service: ${message}`))
  outgoing.once('response', resolve)
  outgoing.once('error', fail)
  // A body that breaks off ends what was begun of it.
  pipeline(incoming as IncomingMessage, outgoing).catch(fail)
  return promise
}

function answerWith(response: IncomingMessage, base: LinkBase): Answer {
  const { location } = response.headers
  const code = response.statusCode ?? 502
  const headers = returnedHeaders(response)
  if (location) headers.location = rewriteLink(location, base)
  const answer = { code, contentType: response.headers['content-type'] ?? '', headers }
  const encoding = response.headers['content-encoding']
  if (location || !isHTML(answer.contentType))
    return { ...answer, stream: (out) => pipeline(response, out, { end: false }) }
  const { 'content-length': _, ...others } = headers
  return {
    ...answer,
    headers: others,
    stream: (out) =>
      pipeline(response, (body) => rewriteBody(body, encoding, base), out, { end: false }),
  }
}

/** Whatever the program answers, that it changes the protocol or not, goes to the client byte by byte. */
async function forwardUpgrade(
  { head, headers, method }: Upgrade,
  path: string,
  target: ProxyTarget,
  { incoming, signal }: RESTRequest,
): Promise<Answer> {
  const socket = await target.connect(signal)
  const passed = {
    ...forwardedHeaders(incoming, incoming.url ?? '/'),
    connection: 'Upgrade',
    upgrade: String(headers.upgrade),
  }
  const lines = Object.entries(passed).flatMap(([name, value]) =>
    [value].flat().map((each) => `${name}: ${each}`),
  )
  return {
    upgrade(client) {
      socket.write(`${method} ${path} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`, 'latin1')
      if (head.length > 0) client.unshift(head)
      splice(client, socket)
    },
  }
}

function hostOf({ headers }: Request): string {
  return String(headers.host ?? headers[':authority'] ?? '')
}
