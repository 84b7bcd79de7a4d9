import type { IncomingMessage } from 'node:http'
import type { Request } from '../../../http/read-body.ts'

type Headers = Record<string, string | string[]>

/** Of one connection only. Source: RFC 9110, section 7.6.1; Go's net/http/httputil, reverseproxy.go. */
const HOP_BY_HOP = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
])

/** Who the client is, and as whom it acts, is the API server's business alone (filters/authentication.go, impersonation.go). */
const isCredential = (name: string) =>
  name === 'authorization' || name.startsWith('impersonate-') || name.startsWith('x-remote-')

/** A request's headers for the program behind. */
export function forwardedHeaders(incoming: Request, url: string): Headers {
  const { ':authority': authority, ...headers } = incoming.headers
  const passed = withoutHops(headers)
  for (const name of Object.keys(passed))
    if (name.startsWith(':') || isCredential(name)) delete passed[name]
  const protocols = String(passed['sec-websocket-protocol'] ?? '')
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '' && !name.startsWith('base64url.bearer.authorization.k8s.io.'))
  delete passed['sec-websocket-protocol']
  const before = headers['x-forwarded-for']
  const client = incoming.socket.remoteAddress ?? ''
  return {
    ...passed,
    ...(protocols.length > 0 ? { 'sec-websocket-protocol': protocols.join(', ') } : {}),
    host: String(headers.host ?? authority ?? ''),
    'x-forwarded-for': before ? `${before}, ${client}` : client,
    'x-forwarded-uri': url.split('?', 1)[0]!,
  }
}

/** An answer's headers for the client. */
export function returnedHeaders({ headers }: IncomingMessage): Headers {
  const { 'content-type': _, ...rest } = withoutHops(headers)
  return rest
}

function withoutHops(headers: IncomingMessage['headers']): Headers {
  const named = String(headers.connection ?? '')
    .split(',')
    .map((name) => name.trim().toLowerCase())
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) =>
      value === undefined || HOP_BY_HOP.has(name) || named.includes(name) ? [] : [[name, value]],
    ),
  )
}
