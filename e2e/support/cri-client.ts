import { connect } from 'node:net'

const http2 = process.getBuiltinModule('node:http2')

/** A message of Protocol Buffers as its fields: number to value; a list is a repeated field. */
export interface Message {
  readonly [number: number]: Field | readonly Field[] | undefined
}
type Field = string | number | boolean | Message

export interface PodSandboxConfig {
  readonly name: string
  readonly uid: string
  readonly hostPort?: number
  readonly containerPort?: number
  readonly annotations?: Readonly<Record<string, string>>
  readonly logDirectory: string
}

/** The Container Runtime Interface (k8s.io/cri-api, runtime/v1/api.proto): as much of it as kubelet needs for a pod's network. */
export interface CRIClient extends Disposable {
  /** Conditions of the runtime by type, each with its message where it is not met. */
  status(): Promise<ReadonlyMap<string, string>>
  runPodSandbox(config: PodSandboxConfig): Promise<string>
  podIP(id: string): Promise<string>
  stopPodSandbox(id: string): Promise<void>
  removePodSandbox(id: string): Promise<void>
}

export function connectCRI(socketPath: string): CRIClient {
  const session = http2.connect('http://localhost', {
    createConnection: () => connect(socketPath),
  })
  session.on('error', () => {})
  const call = (method: string, request: Message) => grpc(session, method, encode(request))
  return {
    async status() {
      const [status] = fieldsOf(await call('Status', {}), 1)
      return new Map(
        fieldsOf(status, 1).map((condition) => {
          const isMet = varintOf(condition, 2) === 1
          return [textOf(condition, 1), isMet ? '' : textOf(condition, 4)]
        }),
      )
    },
    async runPodSandbox({ name, uid, hostPort, containerPort, annotations = {}, logDirectory }) {
      const port = hostPort === undefined ? undefined : { 2: containerPort ?? 0, 3: hostPort }
      const config = {
        1: { 1: name, 2: uid, 3: 'default' },
        2: name,
        3: logDirectory,
        4: { 1: '10.96.0.10', 2: 'default.svc.cluster.local', 3: 'ndots:5' },
        5: port,
        7: Object.entries(annotations).map(([key, value]) => ({ 1: key, 2: value })),
        8: {},
      }
      return textOf(await call('RunPodSandbox', { 1: config }), 1)
    },
    async podIP(id) {
      const [status] = fieldsOf(await call('PodSandboxStatus', { 1: id }), 1)
      const [network] = fieldsOf(status, 5)
      return textOf(network, 1)
    },
    async stopPodSandbox(id) {
      await call('StopPodSandbox', { 1: id })
    },
    async removePodSandbox(id) {
      await call('RemovePodSandbox', { 1: id })
    },
    [Symbol.dispose]: () => session.destroy(),
  }
}

const GRPC_HEADER_BYTES = 5

/** One unary call (gRPC over HTTP/2). @throws Error with the status' message */
function grpc(
  session: ReturnType<typeof http2.connect>,
  method: string,
  body: Buffer,
): Promise<Buffer> {
  const stream = session.request({
    ':method': 'POST',
    ':path': `/runtime.v1.RuntimeService/${method}`,
    'content-type': 'application/grpc',
    te: 'trailers',
  })
  const header = Buffer.alloc(GRPC_HEADER_BYTES)
  header.writeUInt32BE(body.length, 1)
  const chunks: Buffer[] = []
  let status: string | undefined
  let message = ''
  const note = (headers: Readonly<Record<string, unknown>>) => {
    status = `${headers['grpc-status'] ?? status}`
    message = decodeURIComponent(`${headers['grpc-message'] ?? message}`)
  }
  stream.on('response', note).on('trailers', note)
  stream.on('data', (chunk: Buffer) => void chunks.push(chunk))
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>()
  stream.once('error', reject)
  stream.once('close', () => {
    if (status === '0') resolve(Buffer.concat(chunks).subarray(GRPC_HEADER_BYTES))
    else reject(new Error(`Cannot ${method}: gRPC status ${status}: ${message}`))
  })
  stream.end(Buffer.concat([header, body]))
  return promise
}

/* Protocol Buffers (protobuf.dev/programming-guides/encoding): a key is number << 3 | type; 0 a varint, 2 bytes with their length. */
const VARINT = 0
const BYTES = 2

function encode(message: Message): Buffer {
  const parts: Buffer[] = []
  for (const [number, values] of Object.entries(message)) {
    for (const value of Array.isArray(values) ? values : [values]) {
      if (value === undefined) continue
      const isNumber = typeof value === 'number' || typeof value === 'boolean'
      parts.push(varint((Number(number) << 3) | (isNumber ? VARINT : BYTES)))
      if (isNumber) parts.push(varint(Number(value)))
      else {
        const bytes = typeof value === 'string' ? Buffer.from(value) : encode(value as Message)
        parts.push(varint(bytes.length), bytes)
      }
    }
  }
  return Buffer.concat(parts)
}

function varint(value: number): Buffer {
  const bytes: number[] = []
  let rest = value
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128)
  return Buffer.from([...bytes, rest])
}

/** The fields of one number that hold bytes: texts and messages. */
function fieldsOf(message: Buffer | undefined, wanted: number): Buffer[] {
  return [...read(message)].flatMap(({ number, value }) =>
    number === wanted && typeof value !== 'number' ? [value] : [],
  )
}

function textOf(message: Buffer | undefined, wanted: number): string {
  return fieldsOf(message, wanted)[0]?.toString() ?? ''
}

function varintOf(message: Buffer, wanted: number): number | undefined {
  for (const { number, value } of read(message)) {
    if (number === wanted && typeof value === 'number') return value
  }
  return undefined
}

function* read(
  message: Buffer = Buffer.alloc(0),
): Generator<{ readonly number: number; readonly value: number | Buffer }> {
  let at = 0
  const next = () => {
    let [value, scale] = [0, 1]
    for (;;) {
      const byte = message.readUInt8(at++)
      value += (byte & 127) * scale
      if (byte < 128) return value
      scale *= 128
    }
  }
  while (at < message.length) {
    const key = next()
    const value = next()
    if ((key & 7) === VARINT) yield { number: key >>> 3, value }
    else if ((key & 7) === BYTES) {
      yield { number: key >>> 3, value: message.subarray(at, at + value) }
      at += value
    } else throw new Error(`Cannot read a field of type ${key & 7}`)
  }
}
