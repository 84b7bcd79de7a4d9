import type { ClientHttp2Session, ClientHttp2Stream, IncomingHttpHeaders } from 'node:http2'
import type { ClusterAccess } from './kubeconfig.ts'

export interface Request {
  readonly method: string
  /** With its query. */
  readonly path: string
  /** A bearer token. */
  readonly token?: string
  readonly accept?: string
  readonly body?: { readonly contentType: string; readonly text: string }
}

export interface Response {
  readonly status: number
  readonly body: AsyncIterable<Uint8Array>
}

/** One multiplexed connection to an API server, opened when first needed and again after it broke. */
export interface Connection {
  /**
   * Resolves when the answer's head is here.
   *
   * @param signal Ends the request, also while its body is read.
   * @throws ConnectionError where no answer came
   */
  send(request: Request, signal: AbortSignal): Promise<Response>
  close(): Promise<void>
}

/** The server could not be reached, or the connection broke before its answer was complete. */
export class ConnectionError extends Error {
  override readonly name = 'ConnectionError'

  constructor(server: string, cause: unknown) {
    const { code, message } = cause as { readonly code?: string; readonly message?: string }
    super(`Cannot reach API server ${server}: ${code ?? message ?? cause}`, { cause })
  }
}

// A peer that vanished without a word (its machine or namespace is gone) is noticed by an unanswered ping.
const PING_INTERVAL_MS = 30_000
const PING_TIMEOUT_MS = 15_000
const CONNECT_TIMEOUT_MS = 10_000
/**
 * How much of an answer, and of all answers together, may be under way before we have read it: as Go's client has it, whose 4 MiB hold a page
 * of a list. HTTP/2's own 64 KiB make a server wait for us several times a page.
 */
const STREAM_WINDOW_BYTES = 4 << 20
const CONNECTION_WINDOW_BYTES = 64 << 20

/**
 * HTTP/2: one socket and one TLS state carry every request and watch, which matters where a dozen informers share
 * a process. Every Kubernetes API server speaks it.
 */
export function createConnection(access: ClusterAccess): Connection {
  let opening: Promise<ClientHttp2Session> | undefined
  let closed = false

  function session(): Promise<ClientHttp2Session> {
    if (closed) return Promise.reject(new Error('the client is closed'))
    if (opening) return opening
    const mine = openSession(access, () => {
      if (opening === mine) opening = undefined
    })
    opening = mine
    return mine
  }

  return {
    async send(request, signal) {
      signal.throwIfAborted()
      try {
        const stream = (await session()).request(headersOf(request), {
          signal,
          endStream: !request.body,
        })
        if (request.body) stream.end(request.body.text)
        const headers = await headOf(stream)
        return { status: Number(headers[':status']), body: bodyOf(stream, access.server, signal) }
      } catch (cause) {
        signal.throwIfAborted()
        throw new ConnectionError(access.server, cause)
      }
    },
    async close() {
      closed = true
      const open = await opening?.catch(() => undefined)
      if (open && !open.closed) open.destroy()
    },
  }
}

async function openSession(access: ClusterAccess, forget: () => void): Promise<ClientHttp2Session> {
  const { connect } = await import('node:http2')
  const session = connect(access.server, {
    ca: access.caPEM,
    ...(access.certPEM === undefined ? {} : { cert: access.certPEM, key: access.keyPEM }),
    settings: { enablePush: false, initialWindowSize: STREAM_WINDOW_BYTES },
  })
  const { promise, resolve, reject } = Promise.withResolvers<ClientHttp2Session>()
  const timer = setTimeout(
    () => session.destroy(new Error(`no connection after ${CONNECT_TIMEOUT_MS / 1000} s`)),
    CONNECT_TIMEOUT_MS,
  )
  session.once('remoteSettings', () => {
    session.setLocalWindowSize(CONNECTION_WINDOW_BYTES)
    resolve(session)
  })
  // A server that shuts down says GOAWAY: streams under way finish, new ones take a new connection.
  session.once('goaway', forget)
  session.on('error', reject)
  session.once('close', () => {
    forget()
    reject(new Error('the server closed the connection'))
  })
  try {
    await promise
  } catch (error) {
    forget()
    session.destroy()
    throw error
  } finally {
    clearTimeout(timer)
  }
  keepChecking(session)
  return session
}

function keepChecking(session: ClientHttp2Session): void {
  const timer = setInterval(() => {
    const deadline = setTimeout(
      () => session.destroy(new Error(`no answer to a ping after ${PING_TIMEOUT_MS / 1000} s`)),
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

function headersOf({ method, path, token, accept = 'application/json', body }: Request) {
  return {
    ':method': method,
    ':path': path,
    accept,
    'user-agent': 'fairlead',
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    ...(body && {
      'content-type': body.contentType,
      'content-length': Buffer.byteLength(body.text),
    }),
  }
}

function headOf(stream: ClientHttp2Stream): Promise<IncomingHttpHeaders & { ':status'?: number }> {
  return new Promise((resolve, reject) => {
    stream.once('response', resolve)
    stream.once('error', reject)
    stream.once('close', () => reject(new Error('the connection broke before the answer')))
  })
}

async function* bodyOf(
  stream: ClientHttp2Stream,
  server: string,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void> {
  try {
    yield* stream
  } catch (cause) {
    signal.throwIfAborted()
    throw new ConnectionError(server, cause)
  } finally {
    if (!stream.destroyed) stream.destroy()
  }
}
