import { createServer, type Server, type Socket } from 'node:net'
import { createGobDecoder } from '#wire/gob/decode.ts'
import { createGobEncoder } from '#wire/gob/encode.ts'
import type { GobStruct, GobValue } from '#wire/gob/types.ts'
import { NOTHING, objectOf, RESPONSE } from './rpc-types.ts'

/** A method: what it is given, and what it gives. What it throws is told to the caller. */
export interface RPCMethod {
  readonly answer: GobStruct
  run(args: GobValue): Promise<GobValue>
}

const CONNECT = /^CONNECT \/_goRPC_ HTTP\/1\.[01]\r?\n(?:[^\r\n]+\r?\n)*\r?\n/
const MAX_HEAD_BYTES = 8192

/** Go's net/rpc over HTTP: each connection carries any number of calls, whose answers come as they are ready. */
export function createRPCServer(methods: Readonly<Record<string, RPCMethod>>): Server {
  return createServer((socket) => {
    // Whoever goes away does not want the answer.
    socket.on('error', () => {})
    serve(socket, methods).catch(() => socket.destroy())
  })
}

async function serve(socket: Socket, methods: Readonly<Record<string, RPCMethod>>): Promise<void> {
  const [decoder, encoder] = [createGobDecoder(), createGobEncoder()]
  let head: Buffer | undefined = Buffer.alloc(0)
  let request: GobValue
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    let bytes = chunk
    if (head) {
      head = Buffer.concat([head, chunk])
      const [text] = CONNECT.exec(head.toString('latin1')) ?? []
      if (text === undefined && isStillHead(head)) continue
      if (text === undefined) {
        socket.end('HTTP/1.0 405 must CONNECT\n\n')
        return
      }
      socket.write('HTTP/1.0 200 Connected to Go RPC\n\n')
      bytes = head.subarray(text.length)
      head = undefined
    }
    for (const value of decoder.push(bytes)) {
      if (request === undefined) {
        request = value
        continue
      }
      const { ServiceMethod = '', Seq = 0 } = objectOf(request)
      request = undefined
      void answer(methods, String(ServiceMethod), value).then(({ type, body, error }) => {
        const response = { ServiceMethod, Seq, Error: error }
        socket.write(
          Buffer.concat([encoder.encode(RESPONSE, response), encoder.encode(type, body)]),
        )
      })
    }
  }
}

function isStillHead(head: Buffer): boolean {
  const start = 'CONNECT '.slice(0, head.length)
  return (
    head.length < MAX_HEAD_BYTES &&
    head.toString('latin1', 0, start.length) === start &&
    !/\n\r?\n/.test(head.toString('latin1'))
  )
}

async function answer(
  methods: Readonly<Record<string, RPCMethod>>,
  name: string,
  args: GobValue,
): Promise<{ readonly type: GobStruct; readonly body: GobValue; readonly error: string }> {
  const method = Object.hasOwn(methods, name) ? methods[name] : undefined
  if (!method) return { type: NOTHING, body: {}, error: `rpc: can't find method ${name}` }
  try {
    return { type: method.answer, body: await method.run(args), error: '' }
  } catch (error) {
    return {
      type: NOTHING,
      body: {},
      error: error instanceof Error ? error.message : String(error),
    }
  }
}
