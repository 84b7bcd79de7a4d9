/* Frames of HTTP/2 and lines of HTTP/1.1 as bytes, also such as no library would send. */

export const [
  DATA,
  HEADERS,
  PRIORITY,
  RST_STREAM,
  SETTINGS,
  PUSH_PROMISE,
  PING,
  GOAWAY,
  WINDOW_UPDATE,
  CONTINUATION,
] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9] as const
export const [END_STREAM, END_HEADERS] = [0x1, 0x4] as const

/** RFC 9113 section 4.1; `length` may be a lie. */
export function frame(
  type: number,
  flags: number,
  stream: number,
  payload: Uint8Array,
  length = payload.length,
): Buffer {
  const head = Buffer.alloc(9)
  head.writeUIntBE(length, 0, 3)
  head.writeUInt8(type, 3)
  head.writeUInt8(flags, 4)
  head.writeUInt32BE(stream, 5)
  return Buffer.concat([head, payload])
}

export const literal = (index: number, text: string) =>
  Buffer.concat([Buffer.from([index, text.length]), Buffer.from(text)])
/** RFC 7541: `GET https` by their indexes, then a path and a host that are not to be indexed. */
export const request = (method: 'GET' | 'POST', path: string) =>
  Buffer.concat([
    Buffer.from([method === 'GET' ? 0x82 : 0x83, 0x87]),
    literal(4, path),
    literal(1, 'x'),
  ])
const opening = Buffer.concat([
  Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
  frame(SETTINGS, 0, 0, Buffer.alloc(0)),
])
export const after = (...frames: readonly Buffer[]) => Buffer.concat([opening, ...frames])
export const times = (count: number, make: (index: number) => Buffer) =>
  Array.from({ length: count }, (_, index) => make(index))
export const get = (stream: number) =>
  frame(HEADERS, END_HEADERS | END_STREAM, stream, request('GET', '/readyz'))
export const h1 = (...lines: readonly string[]) => Buffer.from(`${lines.join('\r\n')}\r\n\r\n`)
