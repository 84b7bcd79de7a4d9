/** How the streams of exec and attach come over a connection. Source: k8s.io/kubelet pkg/cri/streaming/remotecommand. */
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Status } from '#api/meta.ts'
import { acceptResponse, isWebSocketRequest, offeredProtocols } from '#wire/websocket/handshake.ts'
import type { MultiplexedStream } from './multiplexed-stream.ts'
import { refuse } from './refuse.ts'
import { SPDYConnection } from './spdy-connection.ts'
import { acceptSPDY, negotiateSPDY } from './spdy-handshake.ts'
import { type ChannelProtocol, WebSocketChannels } from './websocket-channels.ts'

export interface StreamOptions {
  readonly stdin: boolean
  readonly stdout: boolean
  readonly stderr: boolean
  readonly tty: boolean
}

export interface RemoteCommand {
  readonly stdin?: MultiplexedStream
  readonly stdout?: MultiplexedStream
  readonly stderr?: MultiplexedStream
  /** JSON objects with Width and Height, one behind the other. */
  readonly resize?: MultiplexedStream
  /** Says how the command ended, the last word before {@link close}. */
  sendStatus(status: Status): Promise<void>
  readonly closed: Promise<void>
  close(): void
}

/** Parameters as the kubelet's: `1` is yes. @throws RangeError in the kubelet's words */
export function parseStreamOptions(query: URLSearchParams): StreamOptions {
  const is = (name: string) => query.get(name) === '1'
  const tty = is('tty')
  const options = { stdin: is('input'), stdout: is('output'), stderr: is('error') && !tty, tty }
  if (!options.stdin && !options.stdout && !options.stderr)
    throw new RangeError('you must specify at least 1 of stdin, stdout, stderr')
  return options
}

const V4 = 'v4.channel.k8s.io'
const V1 = 'channel.k8s.io'
const SPDY_PROTOCOLS = [V4, 'v3.channel.k8s.io', 'v2.channel.k8s.io', V1]
const STREAM_CREATION_MS = 30_000

/** Upgrades the connection and waits for the streams that were asked for; `undefined` where that came to nothing. */
export async function acceptRemoteCommand(
  request: IncomingMessage,
  socket: Duplex,
  options: StreamOptions,
): Promise<RemoteCommand | undefined> {
  return isWebSocketRequest(request.headers)
    ? acceptWebSocket(request, socket, options)
    : await acceptSPDYStreams(request, socket, options)
}

interface WebSocketProtocol extends ChannelProtocol {
  readonly hasStatus: boolean
}

const binary = { isBase64: false, canClose: false, hasStatus: false }
const WEBSOCKET_PROTOCOLS: Readonly<Record<string, WebSocketProtocol>> = {
  '': binary,
  [V1]: binary,
  'base64.channel.k8s.io': { ...binary, isBase64: true },
  [V4]: { ...binary, hasStatus: true },
  'v4.base64.channel.k8s.io': { isBase64: true, canClose: false, hasStatus: true },
  'v5.channel.k8s.io': { isBase64: false, canClose: true, hasStatus: true },
}

const [STDIN, STDOUT, STDERR, ERROR, RESIZE] = [0, 1, 2, 3, 4]

function acceptWebSocket(
  { headers }: IncomingMessage,
  socket: Duplex,
  options: StreamOptions,
): RemoteCommand | undefined {
  const offered = offeredProtocols(headers)
  const name =
    offered.length === 0 ? '' : offered.find((each) => Object.hasOwn(WEBSOCKET_PROTOCOLS, each))
  if (name === undefined) {
    refuse(socket, 403, `unable to upgrade: none of the protocols [${offered.join(' ')}] is served`)
    return undefined
  }
  const protocol = WEBSOCKET_PROTOCOLS[name]!
  socket.write(acceptResponse(headers['sec-websocket-key']!, name))
  const channels = new WebSocketChannels(socket, protocol, 5)
  channels.announce(options.stdout ? STDOUT : options.stderr ? STDERR : ERROR)
  const error = channels.channel(ERROR)
  return {
    ...(options.stdin ? { stdin: channels.channel(STDIN) } : {}),
    ...(options.stdout ? { stdout: channels.channel(STDOUT) } : {}),
    ...(options.stderr ? { stderr: channels.channel(STDERR) } : {}),
    ...(options.tty ? { resize: channels.channel(RESIZE) } : {}),
    sendStatus: (status) => sendStatus(error, status, protocol.hasStatus),
    closed: channels.closed,
    close: () => channels.close(),
  }
}

async function acceptSPDYStreams(
  request: IncomingMessage,
  socket: Duplex,
  options: StreamOptions,
): Promise<RemoteCommand | undefined> {
  const protocol = negotiateSPDY(request, socket, SPDY_PROTOCOLS)
  if (protocol === undefined) return undefined
  acceptSPDY(socket, protocol)
  const canResize = protocol === V4 || protocol === 'v3.channel.k8s.io'
  const wanted = new Set([
    'error',
    ...(['stdin', 'stdout', 'stderr'] as const).filter((name) => options[name]),
    ...(options.tty && canResize ? ['resize'] : []),
  ])
  const streams = new Map<string, MultiplexedStream>()
  const complete = Promise.withResolvers<boolean>()
  const connection = new SPDYConnection(socket, ({ headers, stream }) => {
    const type = headers.get('streamtype') ?? ''
    if (!wanted.has(type) || streams.has(type)) return void stream.destroy()
    streams.set(type, stream)
    if (streams.size === wanted.size) complete.resolve(true)
  })
  const timer = setTimeout(() => complete.resolve(false), STREAM_CREATION_MS)
  const isComplete = await Promise.race([complete.promise, connection.closed.then(() => false)])
  clearTimeout(timer)
  if (!isComplete) {
    connection.close()
    return undefined
  }
  // A client may end its half of what only we write to.
  for (const name of ['error', 'stdout', 'stderr']) streams.get(name)?.resume()
  const { stdin, stdout, stderr, resize } = Object.fromEntries(streams)
  return {
    ...(stdin ? { stdin } : {}),
    ...(stdout ? { stdout } : {}),
    ...(stderr ? { stderr } : {}),
    ...(resize ? { resize } : {}),
    sendStatus: (status) => sendStatus(streams.get('error')!, status, protocol === V4),
    closed: connection.closed,
    close: () => connection.close(),
  }
}

/** From v4 on a Status as JSON; before, the message of a failure. */
async function sendStatus(
  error: MultiplexedStream,
  status: Status,
  asObject: boolean,
): Promise<void> {
  const text = asObject
    ? JSON.stringify(status)
    : status.status === 'Success'
      ? ''
      : (status.message ?? '')
  const { promise, resolve } = Promise.withResolvers<void>()
  error.once('close', resolve)
  error.end(text, () => resolve())
  await promise
}
