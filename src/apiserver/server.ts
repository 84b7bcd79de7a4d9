import type { IncomingMessage } from 'node:http'
import { createSecureServer, type Http2SecureServer, type Http2ServerRequest } from 'node:http2'
import type { AddressInfo, Socket } from 'node:net'
import { createKindRegistry } from '#api/kinds/kind-registry.ts'
import { kinds as builtInKinds } from '#api/kinds/kinds.ts'
import type { Log } from '#log/log.ts'
import type { Admission } from './admission/admission.ts'
import { createDefaultAdmissions } from './admission/default-admissions.ts'
import { createStoredObjects } from './admission/stored-objects.ts'
import { type AccessControlOptions, createAccessControl } from './auth/access-control.ts'
import { reconcilePolicies } from './auth/rbac/reconcile-roles.ts'
import { createTokenIssuer, type TokenIssuerOptions } from './auth/tokens/token-issuer.ts'
import { bootstrap, ensure, type KubernetesService, startBootstrap } from './bootstrap.ts'
import { serveDefinitions } from './definitions/serve-definitions.ts'
import { createHandler, type RequestLimits } from './handle-request.ts'
import { createTurns } from './http/turns.ts'
import { startIdentityLease } from './identity-lease.ts'
import { dropPeerLeases } from './peer-leases.ts'
import type { Components } from './rest/component-statuses.ts'
import { startEventExpiry } from './rest/event-expiry.ts'
import type { AgentAccess, RESTDeps } from './rest/request.ts'
import { startCompaction } from './storage/compaction.ts'
import type { Store } from './storage/store.ts'

// Asked for, not imported: an import takes 70 ms, since it evaluates all of node's fetch.
const { ServerResponse } = process.getBuiltinModule('node:http')

export interface APIServerOptions {
  readonly store: Store
  readonly tls: { readonly certPEM: string; readonly keyPEM: string; readonly clientCAPEM: string }
  /** Asked after what every server admits by. */
  readonly admission: readonly Admission[]
  readonly agentAccess: AgentAccess
  /** As /version says: `v1.36.0+fairlead`. */
  readonly gitVersion: string
  readonly log: Log
  /** What ComponentStatuses tell of; by default of the store alone. */
  readonly components?: Components
  readonly limits?: RequestLimits & ConnectionLimits
  /** Without it there is no Service default/kubernetes. */
  readonly kubernetes?: KubernetesService
  /** Of the machine; with it a Lease of kube-system says that this server is there. */
  readonly hostname?: string
  /** Who may do what; by default administrators may do all, others nothing. */
  readonly access?: Omit<AccessControlOptions, 'store' | 'tokens'>
  /** Without it accounts have no tokens. */
  readonly accountTokens?: Omit<TokenIssuerOptions, 'store'>
}

export type ListenTarget =
  | { readonly fd: number }
  | { readonly host: string; readonly port: number }

export interface APIServer {
  /** Serves on one more socket; the first call also makes what every cluster has. @throws Error */
  listen(target: ListenTarget): Promise<{ readonly port: number }>
  /** Ends watches, lets requests finish, closes every socket. The store stays open: it is the caller's. */
  close(): Promise<void>
}

export function createAPIServer(options: APIServerOptions): APIServer {
  const { store, log } = options
  const { accountTokens } = options
  const access = createAccessControl({
    authorization: 'administrators',
    ...options.access,
    store,
    ...(accountTokens ? { tokens: createTokenIssuer({ ...accountTokens, store }) } : {}),
  })
  const admission = [
    ...createDefaultAdmissions(accountTokens && store),
    ...options.admission,
    ...access.admission,
  ]
  const kinds = createKindRegistry(builtInKinds)
  const closing = new AbortController()
  const {
    agentAccess,
    components = { storage: async () => void (await store.currentRevision()) },
  } = options
  const rest: RESTDeps = { store, kinds, access, admission, log, agentAccess, components }
  const handle = createHandler({
    ...rest,
    gitVersion: options.gitVersion,
    health: {
      live: [{ name: 'ping', check: () => {} }],
      ready: [
        { name: 'storage', check: () => store.currentRevision() },
        { name: 'shutdown', check: () => closing.signal.throwIfAborted() },
      ],
    },
    closing: closing.signal,
    ...(options.limits ? { limits: options.limits } : {}),
  })
  const listeners: Listener[] = []
  const upkeep = new DisposableStack()
  upkeep.use(startCompaction(store, log))
  upkeep.use(startEventExpiry(store, log))
  let started: Promise<void> | undefined

  const start = async () => {
    const objects = createStoredObjects(store, log)
    for (const plugin of admission) await plugin.start?.(objects)
    upkeep.use(await serveDefinitions(rest, log))
    await bootstrap(rest, options.kubernetes)
    await reconcilePolicies(access.policies, store, ({ resource, object }) =>
      ensure(resource, object, rest),
    )
    upkeep.use(await access.start())
    if (closing.signal.aborted) return
    upkeep.use(startBootstrap(rest, options.kubernetes, log))
    if (options.hostname) upkeep.use(await startIdentityLease(options.hostname, objects, log))
  }

  return {
    async listen(target) {
      started ??= start()
      await started
      const listener = createListener(options.tls, handle, options.limits)
      const port = await listener.listen(target)
      listeners.push(listener)
      return { port }
    },
    async close() {
      closing.abort()
      upkeep.dispose()
      await Promise.all(listeners.map((listener) => listener.close()))
      for (const plugin of admission) plugin.stop?.()
      const { kubernetes } = options
      // The store may be gone already: then the lease ends by itself.
      if (kubernetes?.sharesStore) {
        await dropPeerLeases(store, kubernetes.addresses).catch(() => undefined)
      }
    },
  }
}

interface Listener {
  listen(target: ListenTarget): Promise<number>
  close(): Promise<void>
}

/** Bounds of one listener. */
export interface ConnectionLimits {
  readonly connections?: number
  readonly handshakeTimeoutMs?: number
  readonly headersTimeoutMs?: number
}

const HANDSHAKE_TIMEOUT_MS = 10_000
/** As upstream's ReadHeaderTimeout (server/secure_serving.go). */
const HEADERS_TIMEOUT_MS = 32_000
/** Of a request's line and its headers (net/http DefaultMaxHeaderBytes): the URL of an exec holds the whole command. */
const MAX_HEADER_BYTES = 1024 * 1024
/** Of a connection between two requests, as upstream's: no shorter than what clients reckon with. */
const IDLE_TIMEOUT_MS = 90_000
/** Beyond them new connections are closed at once. */
const MAX_CONNECTIONS = 10_000

/** How long a stop waits for answers under way. */
const CLOSE_GRACE_MS = 500

/** One socket, HTTP/2 and HTTP/1.1 on it (the latter for upgrades and simple clients). */
function createListener(
  { certPEM, keyPEM, clientCAPEM }: APIServerOptions['tls'],
  handle: ReturnType<typeof createHandler>,
  limits: ConnectionLimits = {},
): Listener {
  const server: Http2SecureServer = createSecureServer({
    cert: certPEM,
    key: keyPEM,
    ca: clientCAPEM,
    requestCert: true,
    rejectUnauthorized: false, // health and version are open; the handler refuses the rest
    allowHTTP1: true,
    minVersion: 'TLSv1.2',
    settings: {
      maxConcurrentStreams: 1000,
      initialWindowSize: 1024 * 1024,
      maxHeaderListSize: MAX_HEADER_BYTES,
    },
    maxSessionMemory: 64,
    handshakeTimeout: limits.handshakeTimeoutMs ?? HANDSHAKE_TIMEOUT_MS,
  })
  server.maxConnections = limits.connections ?? MAX_CONNECTIONS
  // Of HTTP/1.1: node applies them there although its types do not say so.
  Object.assign(server, {
    headersTimeout: limits.headersTimeoutMs ?? HEADERS_TIMEOUT_MS,
    keepAliveTimeout: IDLE_TIMEOUT_MS,
    maxHeaderSize: MAX_HEADER_BYTES,
  })
  const sockets = new Set<Socket>()
  server.on('secureConnection', (socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => socket.destroy())
  })
  server.on('sessionError', () => {}) // the client's connection broke; its requests end by themselves
  // Responses of HTTP/2 behave as those of HTTP/1.
  const takeTurn = createTurns()
  server.on('request', (request, response) =>
    takeTurn(connectionOf(request), {
      isGone: () => response.destroyed || request.destroyed,
      start: () => void handle(request, response as never),
    }),
  )
  server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
    const out = new ServerResponse(request)
    out.assignSocket(socket)
    out.shouldKeepAlive = false
    out.once('finish', () => socket.end())
    void handle(request, out, head)
  })
  return {
    listen(target) {
      const { promise, resolve, reject } = Promise.withResolvers<number>()
      server.once('error', (cause) =>
        reject(new Error(`Cannot listen on ${nameOf(target)}: ${explain(cause)}`, { cause })),
      )
      server.listen(target, () => resolve((server.address() as AddressInfo).port))
      return promise
    },
    async close() {
      const { promise, resolve } = Promise.withResolvers<void>()
      server.close(() => resolve())
      const timer = setTimeout(() => {
        for (const socket of sockets) socket.destroy()
      }, CLOSE_GRACE_MS)
      for (const socket of sockets) if (socket.bytesWritten === 0) socket.destroy()
      await promise
      clearTimeout(timer)
    },
  }
}

/** The sockets that requests of HTTP/2 show are their own. */
const connectionOf = (request: IncomingMessage | Http2ServerRequest): object =>
  ('stream' in request && request.stream.session) || request.socket

const nameOf = (target: ListenTarget) =>
  'fd' in target ? `descriptor ${target.fd}` : `${target.host}:${target.port}`

function explain(cause: Error): string {
  const code = 'code' in cause ? cause.code : undefined
  return code === 'EADDRINUSE' ? 'the address is in use' : cause.message
}
