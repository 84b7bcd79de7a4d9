import { once } from 'node:events'
import { connect, type TLSSocket } from 'node:tls'
import type { KeyPair } from './certificates.ts'
import type { TestServer } from './test-server.ts'

/** A request of HTTP/1.1, as it is written; one that asks for SPDY unless it says otherwise. */
export interface RawRequest {
  readonly path: string
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly as?: KeyPair
  /** Behind the headers, in the same write. */
  readonly early?: string
}

export interface RawAnswer {
  readonly socket: TLSSocket
  readonly code: number
  readonly head: string
  /** What came behind the head, so far. */
  readonly rest: string
}

export const SPDY = { connection: 'Upgrade', upgrade: 'SPDY/3.1' }

/** Asks on a connection of its own, which is the caller's to destroy, and reads the head of the answer. */
export async function openRaw(
  { url, admin, authority }: TestServer,
  { path, method = 'POST', headers = SPDY, as = admin, early = '' }: RawRequest,
): Promise<RawAnswer> {
  const socket = connect({
    host: '127.0.0.1',
    port: Number(new URL(url).port),
    ca: authority.caPEM,
    cert: as.certPEM,
    key: as.keyPEM,
    ALPNProtocols: ['http/1.1'],
  })
  socket.on('error', () => socket.destroy())
  await once(socket, 'secureConnect')
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  socket.write(`${method} ${path} HTTP/1.1\r\nhost: x\r\n${lines.join('')}\r\n${early}`)
  let text = ''
  while (!text.includes('\r\n\r\n')) text += String((await once(socket, 'data'))[0])
  const [head = '', ...rest] = text.split('\r\n\r\n')
  return { socket, code: Number(head.split(' ')[1]), head, rest: rest.join('\r\n\r\n') }
}
