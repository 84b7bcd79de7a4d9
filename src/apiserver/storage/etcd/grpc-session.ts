/** gRPC over HTTP/2 to one etcd member (grpc/doc/PROTOCOL-HTTP2.md), as much as etcd's API needs of it. */
import type { ClientHttp2Session, ClientHttp2Stream, IncomingHttpHeaders } from 'node:http2'
import type { Socket } from 'node:net'
import type { MessageWriter } from './wire.ts'

export interface EtcdTLS {
  /** Undefined: the authorities that Node trusts. */
  readonly caPEM?: string | undefined
  readonly certPEM?: string | undefined
  readonly keyPEM?: string | undefined
}

export interface MemberAccess {
  /** `https://10.0.0.1:2379`, or `http://…` for a member that asks for no certificate. */
  readonly url: string
  readonly tls?: EtcdTLS
  /** A way to the member other than from this process's own network namespace. */
  readonly openSocket?: (host: string, port: number) => Socket
}

/** An answer of etcd that is no success. `code` is gRPC's (grpc/doc/statuscodes.md), the message etcd's own. */
export class GRPCError extends Error {
  override readonly name = 'GRPCError'
  readonly code: number
  /** False: the request has certainly not been carried out, and never will be. */
  readonly mayHaveHappened: boolean

  constructor(code: number, message: string, mayHaveHappened: boolean, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.code = code
    this.mayHaveHappened = mayHaveHappened
  }
}

export const DEADLINE_EXCEEDED = 4
export const OUT_OF_RANGE = 11
export const RESOURCE_EXHAUSTED = 8
export const INTERNAL = 13
export const UNAVAILABLE = 14

export interface GRPCStream extends Disposable {
  send(message: MessageWriter): void
}

export interface GRPCSession {
  /** @throws GRPCError */
  call(method: string, message: MessageWriter, timeoutMs: number): Promise<Buffer>
  /** A call of many answers. `ended` is called once, unless the stream is disposed before. */
  stream(
    method: string,
    heard: (message: Buffer) => void,
    ended: (error: GRPCError) => void,
  ): GRPCStream
  readonly closed: boolean
  /** Takes no more calls, and closes when those under way have ended. */
  leave(): void
  /** Ends all calls. */
  close(): void
}

const CONNECT_TIMEOUT_MS = 3_000
/** etcd ends connections that ping more often than every five seconds (--grpc-keepalive-min-time). */
const PING_INTERVAL_MS = 10_000
const PING_TIMEOUT_MS = 5_000
const WINDOW_BYTES = 8 * 1024 * 1024
/** Lists come in pages, and watch answers in fragments: nothing that long is etcd's. */
const MAX_MESSAGE_BYTES = 512 * 1024 * 1024
const FRAME_HEAD_BYTES = 5

/** @throws GRPCError UNAVAILABLE where no connection can be made */
export async function openGRPCSession(access: MemberAccess): Promise<GRPCSession> {
  const session = await connect(access)
  keepChecking(session)
  return {
    call: (method, message, timeoutMs) => call(session, method, message, timeoutMs),
    stream: (method, heard, ended) => openStream(session, method, heard, ended),
    get closed() {
      return session.closed || session.destroyed
    },
    leave: () => session.close(),
    close: () => session.destroy(),
  }
}

async function connect({ url, tls, openSocket }: MemberAccess): Promise<ClientHttp2Session> {
  const [{ connect: open }, { hostname, port }] = [await import('node:http2'), new URL(url)]
  const socket = openSocket?.(hostname.replace(/^\[|\]$/g, ''), Number(port || 2379))
  const encrypted = socket && tls ? await encrypt(socket, hostname, tls) : socket
  const session = open(url, {
    ...(tls && { ca: tls.caPEM, cert: tls.certPEM, key: tls.keyPEM }),
    ...(encrypted && { createConnection: () => encrypted }),
    settings: { enablePush: false, initialWindowSize: WINDOW_BYTES },
    maxSessionMemory: 512,
  })
  const { promise, resolve, reject } = Promise.withResolvers<ClientHttp2Session>()
  const refuse = (cause: unknown) => reject(unreachable(url, cause))
  const timer = setTimeout(() => {
    refuse(new Error(`no answer after ${CONNECT_TIMEOUT_MS / 1000} s`))
    session.destroy()
  }, CONNECT_TIMEOUT_MS)
  session.on('error', refuse)
  session.once('close', () => refuse(new Error('the connection was closed')))
  session.once('goaway', () => session.close())
  session.once('remoteSettings', () => {
    session.setLocalWindowSize(WINDOW_BYTES)
    resolve(session)
  })
  try {
    return await promise
  } finally {
    clearTimeout(timer)
  }
}

async function encrypt(socket: Socket, hostname: string, { caPEM, certPEM, keyPEM }: EtcdTLS) {
  const { connect: secure } = await import('node:tls')
  const options = { ca: caPEM, cert: certPEM, key: keyPEM, ALPNProtocols: ['h2'] }
  return secure({
    socket,
    ...options,
    ...(/^[\d.]+$|:/.test(hostname) ? { host: hostname } : { servername: hostname }),
  })
}

function unreachable(url: string, cause: unknown): GRPCError {
  const { code, message } = cause as { readonly code?: string; readonly message?: string }
  return new GRPCError(UNAVAILABLE, `Cannot reach etcd at ${url}: ${message || code}`, false, cause)
}

function keepChecking(session: ClientHttp2Session): void {
  const timer = setInterval(() => {
    const deadline = setTimeout(
      () => session.destroy(new Error('a ping was not answered')),
      PING_TIMEOUT_MS,
    ).unref()
    try {
      session.ping(() => clearTimeout(deadline))
    } catch {
      clearTimeout(deadline) // it is closing: its close event follows
    }
  }, PING_INTERVAL_MS).unref()
  session.once('close', () => clearInterval(timer))
}

function request(
  session: ClientHttp2Session,
  method: string,
  timeoutMs?: number,
): ClientHttp2Stream {
  try {
    return session.request({
      ':method': 'POST',
      ':path': `/etcdserverpb.${method}`,
      'content-type': 'application/grpc',
      te: 'trailers',
      // A member that has lost its leader says so at once (clientv3.WithRequireLeader).
      hasleader: 'true',
      ...(timeoutMs !== undefined && { 'grpc-timeout': `${timeoutMs}m` }),
    })
  } catch (cause) {
    throw new GRPCError(UNAVAILABLE, 'Cannot ask etcd: the connection is closing', false, cause)
  }
}

/** A message with the head that gRPC puts before each: not compressed, and its length. */
function framed(message: MessageWriter): Buffer {
  const bytes = message.finish(FRAME_HEAD_BYTES)
  bytes[0] = 0
  bytes.writeUInt32BE(message.length, 1)
  return bytes
}

function call(
  session: ClientHttp2Session,
  method: string,
  message: MessageWriter,
  timeoutMs: number,
): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>()
  const stream = request(session, method, timeoutMs)
  let answer: Buffer | undefined
  const timer = setTimeout(() => {
    reject(new GRPCError(DEADLINE_EXCEEDED, 'etcdserver: request timed out', true))
    stream.close(8) // CANCEL, RFC 9113 section 7
  }, timeoutMs)
  const status = followStatus(stream)
  readMessages(stream, (bytes) => {
    answer ??= bytes
  })
  stream.on('close', () => {
    clearTimeout(timer)
    const error = status(stream)
    if (error) reject(error)
    else if (answer) resolve(answer)
    else reject(new GRPCError(INTERNAL, `etcd gave no answer to ${method}`, true))
  })
  stream.end(framed(message))
  return promise
}

function openStream(
  session: ClientHttp2Session,
  method: string,
  heard: (message: Buffer) => void,
  ended: (error: GRPCError) => void,
): GRPCStream {
  const stream = request(session, method)
  let isLive = true
  const end = (error: GRPCError) => {
    if (!isLive) return
    isLive = false
    ended(error)
    stream.close(8)
  }
  const status = followStatus(stream)
  readMessages(stream, (bytes) => {
    if (isLive) heard(bytes)
  })
  stream.on('close', () =>
    end(status(stream) ?? new GRPCError(UNAVAILABLE, 'etcd ended the stream', true)),
  )
  return {
    send: (message) => void stream.write(framed(message)),
    [Symbol.dispose]() {
      isLive = false
      stream.close(8)
    },
  }
}

const REFUSED_STREAM = 7

/** Listens for how a call ends; the result tells, once the stream is closed. */
function followStatus(
  stream: ClientHttp2Stream,
): (stream: ClientHttp2Stream) => GRPCError | undefined {
  let found: IncomingHttpHeaders | undefined
  let failure: Error | undefined
  const keep = (headers: IncomingHttpHeaders) => {
    if (headers['grpc-status'] !== undefined) found = headers
    else if (headers[':status'] !== undefined && headers[':status'] !== (200 as never))
      failure = new Error(`etcd answered with HTTP ${headers[':status']}`)
  }
  stream.on('response', keep)
  stream.on('trailers', keep)
  stream.on('error', (error) => {
    failure ??= error
  })
  return ({ rstCode }) => {
    const code = Number(found?.['grpc-status'] ?? -1)
    if (code === 0) return undefined
    if (code > 0) return errorOf(code, decodeMessage(String(found?.['grpc-message'] ?? '')))
    const why = failure?.message ?? 'the connection broke before the answer'
    return new GRPCError(
      UNAVAILABLE,
      `Cannot hear etcd's answer: ${why}`,
      rstCode !== REFUSED_STREAM,
      failure,
    )
  }
}

/** What etcd says before it has tried anything (etcdserver/api/v3rpc/rpctypes/error.go). */
const NEVER_HAPPENED = new Set([
  'etcdserver: no leader',
  'etcdserver: too many requests',
  'etcdserver: not capable',
])

function errorOf(code: number, message: string): GRPCError {
  const isOpen =
    code === UNAVAILABLE ||
    code === DEADLINE_EXCEEDED ||
    code === INTERNAL ||
    code === 1 ||
    code === 2
  return new GRPCError(code, message, isOpen && !NEVER_HAPPENED.has(message))
}

function decodeMessage(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/** Cuts what comes into messages. */
function readMessages(stream: ClientHttp2Stream, heard: (message: Buffer) => void): void {
  let chunks: Buffer[] = []
  let held = 0
  let wanted = FRAME_HEAD_BYTES
  const fail = (why: string) => stream.destroy(new Error(why))
  stream.on('data', (chunk: Buffer) => {
    chunks.push(chunk)
    held += chunk.length
    if (held < wanted) return
    const bytes = chunks.length === 1 ? chunk : Buffer.concat(chunks)
    let at = 0
    for (wanted = FRAME_HEAD_BYTES; held - at >= wanted; wanted = FRAME_HEAD_BYTES) {
      const length = bytes.readUInt32BE(at + 1)
      if (bytes[at] !== 0) return fail('the message is compressed, which nobody asked for')
      if (length > MAX_MESSAGE_BYTES) return fail('the message is too long')
      wanted = FRAME_HEAD_BYTES + length
      if (held - at < wanted) break
      const message = bytes.subarray(at + FRAME_HEAD_BYTES, at + wanted)
      at += wanted
      try {
        heard(message)
      } catch (error) {
        return fail(error instanceof Error ? error.message : String(error))
      }
    }
    held -= at
    chunks = held === 0 ? [] : [bytes.subarray(at)]
  })
}
