import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { refuse } from './refuse.ts'

const HEADER = 'X-Stream-Protocol-Version'

/**
 * Picks the first protocol of the client's that is `served`: empty where it names none, `undefined` once it was refused.
 * Source: k8s.io/streaming pkg/httpstream, Handshake().
 */
export function negotiateSPDY(
  { headers }: IncomingMessage,
  socket: Duplex,
  served: readonly string[],
): string | undefined {
  if (headers.upgrade?.toLowerCase() !== 'spdy/3.1') {
    refuse(socket, 400, 'unable to upgrade: missing upgrade headers in request')
    return undefined
  }
  const offered = String(headers[HEADER.toLowerCase()] ?? '')
    .split(',')
    .map((name) => name.trim())
    .filter(Boolean)
  if (offered.length === 0) return ''
  const chosen = offered.find((name) => served.includes(name))
  if (chosen !== undefined) return chosen
  const why = `client supports [${offered.join(' ')}], server accepts [${served.join(' ')}]`
  refuse(
    socket,
    403,
    `unable to upgrade: unable to negotiate protocol: ${why}`,
    served.map((name) => `X-Accepted-Stream-Protocol-Versions: ${name}`),
  )
  return undefined
}

export function acceptSPDY(socket: Duplex, protocol: string): void {
  const lines = [
    'HTTP/1.1 101 Switching Protocols',
    'Connection: Upgrade',
    'Upgrade: SPDY/3.1',
    ...(protocol === '' ? [] : [`${HEADER}: ${protocol}`]),
  ]
  socket.write(`${lines.join('\r\n')}\r\n\r\n`)
}
