/** gRPC over HTTP/2 to one etcd member (grpc/doc/PROTOCOL-HTTP2.md), as much as etcd's API needs of it. */
import type { ClientHttp2Session, ClientHttp2Stream, IncomingHttpHeaders } from 'node:http2'
import type { Socket } from 'node:net'
import { DEADLINE_EXCEEDED, errorOf, GRPCError, INTERNAL, UNAVAILABLE } from './grpc-error.ts'
import { framed, readMessages } from './grpc-frames.ts'
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

export interface GRPCStream extends Disposable {
  send(message: MessageWriter): void
}

export interface GRPCSession {
  /** Calls from now on are those of the user who got this token. */
  use(token: string): void
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
/** A member that is left has failed already: calls under way there wait no longer for a sign of life. */
const LEFT_TIMEOUT_MS = 1_000
const WINDOW_BYTES = 8 * 1024 * 1024

type OpenCall = (method: string, timeoutMs?: number) => ClientHttp2Stream

/** @throws GRPCError UNAVAILABLE where no connection can be made */
export async function openGRPCSession(access: MemberAccess): Promise<GRPCSession> {
  const session = await connect(access)
  keepChecking(session)
  let underWay = 0
  let isLeft = false
  let token: string | undefined
  const open: OpenCall = (method, timeoutMs) => {
    const stream = request(session, method, timeoutMs, token)
    underWay++
    stream.once('close', () => {
      if (--underWay === 0 && isLeft) session.close()
    })
    return stream
  }
  return {
    use(given) {
      token = given
    },
    call: (method, message, timeoutMs) => call(open, method, message, timeoutMs),
    stream: (method, heard, ended) => openStream(open, method, heard, ended),
    get closed() {
      return isLeft || session.closed || session.destroyed
    },
    leave() {
      isLeft = true
      // While it closes, a session of node's notices nothing of a member that says nothing any more.
      if (underWay === 0) session.close()
      else check(session, LEFT_TIMEOUT_MS)
    },
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
  const why = code === 'ECONNREFUSED' ? 'connection refused' : message || code
  return new GRPCError(UNAVAILABLE, `Cannot reach etcd at ${url}: ${why}`, false, cause)
}

function keepChecking(session: ClientHttp2Session): void {
  const timer = setInterval(() => check(session, PING_TIMEOUT_MS), PING_INTERVAL_MS).unref()
  session.once('close', () => clearInterval(timer))
}

/** Ends the connection, and all calls on it, where the member does not answer a ping in time. */
function check(session: ClientHttp2Session, timeoutMs: number): void {
  const deadline = setTimeout(
    () => session.destroy(new Error('a ping was not answered')),
    timeoutMs,
  ).unref()
  try {
    session.ping(() => clearTimeout(deadline))
  } catch {
    clearTimeout(deadline) // it is closing: its close event follows
  }
}

function request(
  session: ClientHttp2Session,
  method: string,
  timeoutMs?: number,
  token?: string,
): ClientHttp2Stream {
  try {
    return session.request({
      ':method': 'POST',
      ':path': `/etcdserverpb.${method}`,
      'content-type': 'application/grpc',
      te: 'trailers',
      // A member that has lost its leader says so at once (clientv3.WithRequireLeader).
      hasleader: 'true',
      // api/v3rpc/rpctypes/metadatafields.go, TokenFieldNameGRPC
      ...(token !== undefined && { token }),
      ...(timeoutMs !== undefined && { 'grpc-timeout': `${timeoutMs}m` }),
    })
  } catch (cause) {
    throw new GRPCError(UNAVAILABLE, 'Cannot ask etcd: the connection is closing', false, cause)
  }
}

function call(
  open: OpenCall,
  method: string,
  message: MessageWriter,
  timeoutMs: number,
): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>()
  const stream = open(method, timeoutMs)
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
  open: OpenCall,
  method: string,
  heard: (message: Buffer) => void,
  ended: (error: GRPCError) => void,
): GRPCStream {
  const stream = open(method)
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
    if (code > 0) return errorOf(code, String(found?.['grpc-message'] ?? ''))
    const why = failure?.message ?? 'the connection broke before the answer'
    return new GRPCError(
      UNAVAILABLE,
      `Cannot hear etcd's answer: ${why}`,
      rstCode !== REFUSED_STREAM,
      failure,
    )
  }
}
