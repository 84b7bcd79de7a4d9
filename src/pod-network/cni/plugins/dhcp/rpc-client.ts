import { connect, type Socket } from 'node:net'
import { createGobDecoder } from '#wire/gob/decode.ts'
import { createGobEncoder } from '#wire/gob/encode.ts'
import type { GobValue } from '#wire/gob/types.ts'
import { fail } from '../../protocol/cni-error.ts'
import { CMD_ARGS, objectOf, REQUEST } from './rpc-types.ts'

/** Go's rpc.DefaultRPCPath. */
const PATH = '/_goRPC_'
const CONNECTED = /^HTTP\/1\.[01] 200 Connected to Go RPC\r?\n(?:[^\r\n]+\r?\n)*\r?\n/
const MAX_HEAD_BYTES = 4096
/** Longer than a daemon tries: it then says why. */
const TIMEOUT_MS = 300_000

/** Calls a daemon, ours or the reference's. @throws CNIError in upstream's words (plugins/ipam/dhcp/main.go) */
export async function callDaemon(
  socketPath: string,
  method: 'DHCP.Allocate' | 'DHCP.Release',
  args: GobValue,
): Promise<GobValue> {
  const socket = await dial(socketPath)
  const chunks = socket[Symbol.asyncIterator]() as AsyncIterator<Buffer>
  try {
    socket.write(`CONNECT ${PATH} HTTP/1.0\n\n`)
    // Only now: Go's server forgets what it has read together with the head.
    const rest = await readHead(chunks)
    const encoder = createGobEncoder()
    socket.write(encoder.encode(REQUEST, { ServiceMethod: method, Seq: 0 }))
    socket.write(encoder.encode(CMD_ARGS, args))
    const [head, value] = await readAnswer(chunks, rest)
    const { Error: why } = objectOf(head)
    if (typeof why === 'string' && why !== '') throw fail(`error calling ${method}: ${why}`)
    return value
  } finally {
    socket.destroy()
  }
}

export function dial(path: string): Promise<Socket> {
  const socket = connect(path)
  socket.setTimeout(TIMEOUT_MS, () => socket.destroy(new Error('timeout')))
  return new Promise((resolve, reject) => {
    socket.once('connect', () => resolve(socket))
    socket.once('error', (error: NodeJS.ErrnoException) => {
      const why = DIAL_ERRORS[error.code ?? ''] ?? error.message
      reject(fail(`error dialing DHCP daemon: dial unix ${path}: connect: ${why}`))
    })
  })
}

const DIAL_ERRORS: Readonly<Record<string, string>> = {
  ENOENT: 'no such file or directory',
  ECONNREFUSED: 'connection refused',
  EACCES: 'permission denied',
}

/** Reads the head of HTTP. @returns what came behind it */
async function readHead(chunks: AsyncIterator<Buffer>): Promise<Buffer> {
  let head: Buffer = Buffer.alloc(0)
  for (;;) {
    head = Buffer.concat([head, await nextOf(chunks)])
    const [text] = CONNECTED.exec(head.toString('latin1')) ?? []
    if (text !== undefined) return head.subarray(text.length)
    if (head.length >= MAX_HEAD_BYTES) {
      throw fail('error dialing DHCP daemon: unexpected HTTP response')
    }
  }
}

/** Two values: the response, and what the method gave. */
async function readAnswer(
  chunks: AsyncIterator<Buffer>,
  rest: Buffer,
): Promise<readonly [GobValue, GobValue]> {
  const decoder = createGobDecoder()
  const values = [...decoder.push(rest)]
  while (values.length < 2) values.push(...decoder.push(await nextOf(chunks)))
  return [values[0], values[1]]
}

async function nextOf(chunks: AsyncIterator<Buffer>): Promise<Buffer> {
  const { done, value } = await chunks.next()
  if (done) throw fail('error calling DHCP daemon: unexpected EOF')
  return value
}
