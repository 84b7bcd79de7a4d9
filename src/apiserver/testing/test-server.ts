import { type ClientHttp2Session, connect } from 'node:http2'
import { createInterface } from 'node:readline'
import { silentLog } from '#log/log.ts'
import { type APIServerOptions, createAPIServer } from '../server.ts'
import { createSQLiteStore } from '../storage/sqlite/sqlite-store.ts'
import type { Store } from '../storage/store.ts'
import { createTestAuthority, type KeyPair, type TestAuthority } from './certificates.ts'

/** A whole server on loopback, over a store in memory unless one is given, and a client with an identity. */
export interface TestServer extends AsyncDisposable {
  readonly url: string
  readonly authority: TestAuthority
  readonly admin: KeyPair
  readonly store: Store
  request(method: string, path: string, options?: RequestOptions): Promise<TestResponse>
  /** The events of a watch, as they come; the iteration ends with the stream. Break out of it to hang up. */
  watch(path: string, headers?: Readonly<Record<string, string>>): AsyncGenerator<WatchLine>
  /** A connection as this user; undefined for none. */
  connectAs(identity: KeyPair | undefined): ClientHttp2Session
}

export interface RequestOptions {
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
  readonly session?: ClientHttp2Session
}

export interface TestResponse {
  readonly code: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly text: string
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape
  readonly body: any
}

export interface WatchLine {
  readonly type: string
  // biome-ignore lint/suspicious/noExplicitAny: tests look into objects of every kind
  readonly object: any
}

const LOOPBACK = '127.0.0.1'
let shared: ReturnType<typeof makeIdentities> | undefined

async function makeIdentities(address = LOOPBACK) {
  const authority = await createTestAuthority(address)
  const [server, admin] = await Promise.all([
    authority.sign('kube-apiserver'),
    authority.sign('kubernetes-admin', ['system:masters']),
  ])
  return { authority, server, admin }
}

/** @param address Where it listens; on loopback by default */
export async function startTestServer(
  options: Partial<APIServerOptions> = {},
  address = LOOPBACK,
): Promise<TestServer> {
  if (address === LOOPBACK) shared ??= makeIdentities()
  const identities = address === LOOPBACK && shared ? shared : makeIdentities(address)
  const { authority, server: serving, admin } = await identities
  const store = options.store ?? createSQLiteStore(':memory:')
  const server = createAPIServer({
    store,
    tls: { ...serving, clientCAPEM: authority.caPEM },
    admission: [],
    agentAccess: { ...admin, caPEM: authority.caPEM },
    gitVersion: 'v1.36.0+fairlead',
    log: silentLog,
    ...options,
  })
  const { port } = await server.listen({ host: address, port: 0 })
  const url = `https://${address}:${port}`
  const sessions: ClientHttp2Session[] = []
  const connectAs = (identity: KeyPair | undefined) => {
    const session = connect(url, {
      ca: authority.caPEM,
      ...(identity ? { cert: identity.certPEM, key: identity.keyPEM } : {}),
    })
    session.on('error', () => {})
    sessions.push(session)
    return session
  }
  const own = connectAs(admin)
  return {
    url,
    authority,
    admin,
    store,
    connectAs,
    watch: (path, headers = {}) => readLines(own, path, headers),
    request: (method, path, { session = own, ...rest } = {}) => send(session, method, path, rest),
    async [Symbol.asyncDispose]() {
      for (const session of sessions) session.destroy()
      await server.close()
      await store.close()
    },
  }
}

export async function send(
  session: ClientHttp2Session,
  method: string,
  path: string,
  { body, headers = {} }: RequestOptions,
): Promise<TestResponse> {
  const stream = session.request(
    {
      ':method': method,
      ':path': path,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    { endStream: false }, // a DELETE may have a body too
  )
  const { promise, resolve, reject } =
    Promise.withResolvers<Record<string, string | string[] | undefined>>()
  stream.on('response', (received) => resolve(received as never))
  stream.on('error', reject)
  const isRaw = typeof body === 'string' || body instanceof Uint8Array
  stream.end(body === undefined ? undefined : isRaw ? body : JSON.stringify(body))
  const received = await promise
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk as Buffer)
  const text = Buffer.concat(chunks).toString('utf8')
  const isJSON = String(received['content-type'] ?? '').startsWith('application/json')
  return {
    code: Number(received[':status']),
    headers: received,
    text,
    body: isJSON && text !== '' && !text.includes('}\n{') ? JSON.parse(text) : undefined,
  }
}

async function* readLines(
  session: ClientHttp2Session,
  path: string,
  headers: Readonly<Record<string, string>>,
): AsyncGenerator<WatchLine> {
  const stream = session.request({ ':path': path, ...headers })
  try {
    for await (const line of createInterface({ input: stream })) yield JSON.parse(line)
  } finally {
    stream.close()
  }
}
