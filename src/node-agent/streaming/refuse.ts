import type { Duplex } from 'node:stream'

// Asked for, not imported: an import takes 70 ms, since it evaluates all of node's fetch.
const { STATUS_CODES } = process.getBuiltinModule('node:http')

/** Answers a request for an upgrade with a refusal, and ends the connection. */
export function refuse(
  socket: Duplex,
  code: number,
  text: string,
  headers: readonly string[] = [],
): void {
  const body = Buffer.from(`${text}\n`)
  const head = [
    `HTTP/1.1 ${code} ${STATUS_CODES[code]}`,
    'Content-Type: text/plain; charset=utf-8',
    `Content-Length: ${body.length}`,
    'Connection: close',
    ...headers,
    '',
    '',
  ]
  socket.on('error', () => socket.destroy())
  socket.end(Buffer.concat([Buffer.from(head.join('\r\n')), body]))
}
