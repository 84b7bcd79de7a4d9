import { createHash } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'

/** RFC 6455, section 1.3. */
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'

/** The value of Sec-WebSocket-Accept. Source: RFC 6455, section 4.2.2. */
export function acceptKey(key: string): string {
  return createHash('sha1')
    .update(key + GUID)
    .digest('base64')
}

/** Does the request ask for a WebSocket of the version that there is? */
export function isWebSocketRequest(headers: IncomingHttpHeaders): boolean {
  return (
    headers.upgrade?.toLowerCase() === 'websocket' &&
    headers['sec-websocket-version'] === '13' &&
    Buffer.from(headers['sec-websocket-key'] ?? '', 'base64').length === 16
  )
}

/** The subprotocols that the client offers, in its order. Kubernetes' own names hold a slash, which the RFC's tokens may not. */
export function offeredProtocols(headers: IncomingHttpHeaders): readonly string[] {
  return String(headers['sec-websocket-protocol'] ?? '')
    .split(',')
    .map((name) => name.trim())
    .filter(Boolean)
}

/** The answer that turns a connection into a WebSocket. `protocol` is one that was offered, or empty. */
export function acceptResponse(key: string, protocol: string): string {
  return [
    'HTTP/1.1 101 Switching Protocols',
    'Upgrade: websocket',
    'Connection: Upgrade',
    `Sec-WebSocket-Accept: ${acceptKey(key)}`,
    ...(protocol === '' ? [] : [`Sec-WebSocket-Protocol: ${protocol}`]),
    '',
    '',
  ].join('\r\n')
}
