/** Port-forward in its three wires. Source: k8s.io/kubelet pkg/cri/streaming/portforward, KEP 4006. */
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { acceptResponse, isWebSocketRequest, offeredProtocols } from '#wire/websocket/handshake.ts'
import type { MultiplexedStream } from './multiplexed-stream.ts'
import { refuse } from './refuse.ts'
import { SPDYConnection, type SPDYStream } from './spdy-connection.ts'
import { acceptSPDY, negotiateSPDY } from './spdy-handshake.ts'
import { WebSocketChannels } from './websocket-channels.ts'
import { openTunnel } from './websocket-tunnel.ts'

export interface ForwardTarget {
  readonly podName: string
  readonly podUID: string
  /** @throws Error in words for the client */
  connect(port: number): Promise<Socket>
}

const PROTOCOL = 'portforward.k8s.io'
const TUNNEL = `SPDY/3.1+${PROTOCOL}`
const STREAM_CREATION_MS = 30_000
const MAX_PORTS = 100

const CHANNEL_PROTOCOLS: Readonly<Record<string, { readonly isBase64: boolean }>> = {
  '': { isBase64: false },
  'v4.channel.k8s.io': { isBase64: false },
  'v4.base64.channel.k8s.io': { isBase64: true },
}

/** Serves one client's connections to a pod until it goes. */
export async function servePortForward(
  request: IncomingMessage,
  socket: Duplex,
  query: URLSearchParams,
  target: ForwardTarget,
): Promise<void> {
  if (!isWebSocketRequest(request.headers)) {
    const protocol = negotiateSPDY(request, socket, [PROTOCOL])
    if (protocol === undefined) return
    acceptSPDY(socket, protocol)
    return await serveSPDY(socket, target)
  }
  const key = request.headers['sec-websocket-key']!
  const offered = offeredProtocols(request.headers)
  if (offered.includes(TUNNEL)) {
    socket.write(acceptResponse(key, TUNNEL))
    return await serveSPDY(openTunnel(socket), target)
  }
  const name =
    offered.length === 0 ? '' : offered.find((each) => Object.hasOwn(CHANNEL_PROTOCOLS, each))
  if (name === undefined) {
    refuse(socket, 403, `unable to upgrade: none of the protocols [${offered.join(' ')}] is served`)
    return
  }
  const ports = parsePorts(query)
  socket.write(acceptResponse(key, name))
  await serveChannels(socket, CHANNEL_PROTOCOLS[name]!.isBase64, ports, target)
}

/** @throws RangeError in the kubelet's words */
export function parsePorts(query: URLSearchParams): readonly number[] {
  const texts = query.getAll('port')
  if (texts.length === 0) throw new RangeError('query parameter "port" is required')
  return texts.flatMap((text) => {
    if (text === '') throw new RangeError('query parameter "port" cannot be empty')
    const parts = text.split(',')
    if (parts.length > MAX_PORTS) throw new RangeError(`more than ${MAX_PORTS} ports`)
    return parts.map(parsePort)
  })
}

function parsePort(text: string): number {
  if (!/^\d{1,5}$/.test(text) || Number(text) > 0xffff)
    throw new RangeError(`unable to parse "${text}" as a port`)
  if (Number(text) < 1) throw new RangeError(`port "${text}" must be > 0`)
  return Number(text)
}

/** For each connection of the client's an error and a data stream, which its request's number holds together. */
async function serveSPDY(socket: Duplex, target: ForwardTarget): Promise<void> {
  const waiting = new Map<string, SPDYStream>()
  const connection = new SPDYConnection(socket, (arrived) => {
    const { stream, headers } = arrived
    const type = headers.get('streamtype')
    const port = portOf(headers.get('port'))
    if ((type !== 'error' && type !== 'data') || port === undefined) return void stream.destroy()
    const id = requestIdOf(arrived, type)
    const first = waiting.get(id)
    if (!first) {
      waiting.set(id, arrived)
      const timer = setTimeout(() => waiting.delete(id) && stream.destroy(), STREAM_CREATION_MS)
      timer.unref()
      stream.once('close', () => waiting.get(id) === arrived && waiting.delete(id))
      return
    }
    waiting.delete(id)
    if (first.headers.get('streamtype') === type) {
      first.stream.destroy()
      stream.destroy()
      return
    }
    const [error, data] = type === 'data' ? [first.stream, stream] : [stream, first.stream]
    void forward({ data, error, port, target })
  })
  await connection.closed
}

function portOf(text: string | undefined): number | undefined {
  try {
    return parsePort(text ?? '')
  } catch {
    return undefined
  }
}

/** Old clients give no number: their data stream comes right behind its error stream. */
function requestIdOf({ id, headers }: SPDYStream, type: 'error' | 'data'): string {
  return headers.get('requestid') ?? `stream ${type === 'error' ? id : id - 2}`
}

/** Two channels a port, for one connection each; the first message on both is the port, low byte first. */
async function serveChannels(
  socket: Duplex,
  isBase64: boolean,
  ports: readonly number[],
  target: ForwardTarget,
): Promise<void> {
  const channels = new WebSocketChannels(socket, { isBase64, canClose: false }, 2 * ports.length)
  await Promise.all(
    ports.map(async (port, index) => {
      const [data, error] = [channels.channel(2 * index), channels.channel(2 * index + 1)]
      const bytes = Buffer.alloc(2)
      bytes.writeUInt16LE(port)
      data.write(bytes)
      error.write(bytes)
      await forward({ data, error, port, target })
    }),
  )
  channels.close()
  await channels.closed
}

interface Forwarding {
  readonly data: MultiplexedStream
  readonly error: MultiplexedStream
  readonly port: number
  readonly target: ForwardTarget
}

/** One connection. The pod's end of it ends both streams: a client waits for the error stream too. */
async function forward({ data, error, port, target }: Forwarding): Promise<void> {
  error.resume()
  try {
    const socket = await target.connect(port)
    const { promise, resolve } = Promise.withResolvers<void>()
    socket.on('error', resolve)
    socket.once('close', resolve)
    socket.once('end', resolve)
    data.once('close', () => {
      socket.destroy()
      resolve()
    })
    data.pipe(socket)
    socket.pipe(data)
    await promise
    data.end()
    error.end()
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    const { podName, podUID } = target
    error.end(`error forwarding port ${port} to pod ${podName}, uid ${podUID}: ${why}`, () =>
      data.destroy(),
    )
  }
}
