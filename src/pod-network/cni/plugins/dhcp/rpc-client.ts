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
  try {
    const encoder = createGobEncoder()
    socket.write(`CONNECT ${PATH} HTTP/1.0\n\n`)
    socket.write(encoder.encode(REQUEST, { ServiceMethod: method, Seq: 0 }))
    socket.write(encoder.encode(CMD_ARGS, args))
    const [head, value] = await readAnswer(socket)
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

/** Behind the head of HTTP, two values: the response, and what the method gave. */
async function readAnswer(socket: Socket): Promise<readonly [GobValue, GobValue]> {
  const decoder = createGobDecoder()
  const values: GobValue[] = []
  let head: Buffer | undefined = Buffer.alloc(0)
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    let bytes = chunk
    if (head) {
      head = Buffer.concat([head, chunk])
      const [text] = CONNECTED.exec(head.toString('latin1')) ?? []
      if (text === undefined && head.length < MAX_HEAD_BYTES) continue
      if (text === undefined) throw fail('error dialing DHCP daemon: unexpected HTTP response')
      bytes = head.subarray(text.length)
      head = undefined
    }
    values.push(...decoder.push(bytes))
    if (values.length >= 2) return [values[0], values[1]]
  }
  throw fail('error calling DHCP daemon: unexpected EOF')
}
