import type { IncomingHttpHeaders } from 'node:http'
import type { TLSSocket } from 'node:tls'
import { quoteLikeGo } from '#api/field-error.ts'
import type { Status } from '#api/meta.ts'
import {
  badRequest,
  internal,
  methodNotServed,
  StatusError,
  unauthorized,
  unknownPath,
} from '#api/status.ts'
import { isPathSegmentName } from '#api/validation/names.ts'
import { type Attributes, forbiddenStatus } from './auth/authorize.ts'
import { attributesOf } from './auth/request-attributes.ts'
import { MASTERS, type User } from './auth/user.ts'
import { answerDiscovery } from './discovery/answer-discovery.ts'
import { answerIndex } from './discovery/answer-index.ts'
import { answerIssuer } from './discovery/answer-issuer.ts'
import { answerOpenPath } from './discovery/answer-open-paths.ts'
import { answerOpenAPI } from './discovery/answer-openapi.ts'
import { type Answer, type Response, statusAnswer } from './http/answer.ts'
import { answerHealth, type HealthChecks } from './http/answer-health.ts'
import { type ClientPresence, watchPresence } from './http/client-presence.ts'
import { deadlineOf, REQUEST_TIMEOUT_MS, within } from './http/deadline.ts'
import { formatAnswer } from './http/format-answer.ts'
import {
  createInFlight,
  type InFlight,
  type InFlightLimits,
  isLongRunning,
} from './http/in-flight.ts'
import { missingModule } from './http/missing-module.ts'
import { type Request, readBody } from './http/read-body.ts'
import { parseResourcePath } from './http/request-path.ts'
import { send } from './http/send.ts'
import { ownTurn } from './http/turns.ts'
import { createMetrics, type Metrics } from './metrics/metrics.ts'
import { type Counted, labelsOf, type RequestLabels } from './metrics/request-labels.ts'
import { chooseForm } from './rest/choose-form.ts'
import { createPace } from './rest/pace.ts'
import type { RESTDeps, RESTRequest } from './rest/request.ts'
import { findHandler, verbOf } from './rest/route.ts'
import { RequestTooLargeError, StoreUnavailableError } from './storage/store.ts'

/** Upstream's by default. */
export interface RequestLimits {
  readonly inFlight?: InFlightLimits
  readonly requestTimeoutMs?: number
}

export interface HandlerDeps extends RESTDeps {
  readonly gitVersion: string
  readonly health: HealthChecks
  readonly limits?: RequestLimits
  /** Aborts when the server stops. */
  readonly closing: AbortSignal
}

/** Makes the function that answers a request, whatever listener and protocol it came by. */
export function createHandler(deps: HandlerDeps) {
  const inFlight = createInFlight(deps.limits?.inFlight)
  const metrics = createMetrics(inFlight)
  return async (request: Request, out: Response, head?: Buffer): Promise<void> => {
    const warnings: string[] = []
    const client = watchPresence(out, deps.closing)
    const acceptsGzip = String(request.headers['accept-encoding'] ?? '').includes('gzip')
    // Until the answer is written: a client that does not read it holds its place.
    using place = new DisposableStack()
    let labels: RequestLabels | undefined
    const describe = (counted: Counted) => {
      labels = labelsOf(counted)
    }
    const arrival = { request, head, client, inFlight, place, metrics, describe }
    let answer: Answer
    try {
      answer = await decide(arrival, deps, (text) => warnings.push(text))
    } catch (error) {
      if (client.isOver && !isTimeout(error)) return // nobody listens any more
      answer = answerError(error, deps)
    }
    if (labels) metrics.count(labels, 'upgrade' in answer ? 101 : answer.code)
    try {
      const shown = await formatAnswer(answer, request)
      await send(out, shown, { acceptsGzip, warnings })
    } catch (cause) {
      if (!client.isOver)
        deps.log.error(`Cannot answer ${request.method} ${request.url}`, { cause })
      out.destroy()
    }
  }
}

function answerError(error: unknown, { log }: HandlerDeps): Answer {
  if (error instanceof StatusError) return statusAnswer(error.status)
  // Upstream passes etcd's words on, without a reason (endpoints/handlers/responsewriters/status.go).
  if (error instanceof RequestTooLargeError || error instanceof StoreUnavailableError)
    return statusAnswer(failureOf(error))
  const missing = missingModule(error)
  if (missing !== undefined) {
    log.error(`Cannot serve a request: ${missing} is not installed (run \`npm run setup\`)`)
    return statusAnswer(internal(`${missing} is not installed`).status)
  }
  log.error('Cannot serve a request', { cause: error })
  return statusAnswer(internal(error instanceof Error ? error.message : String(error)).status)
}

const failureOf = ({ message }: Error): Status => ({
  kind: 'Status',
  apiVersion: 'v1',
  metadata: {},
  status: 'Failure',
  message,
  code: 500,
})

interface Arrival {
  readonly request: Request
  /** Of requests with an upgrade: what came behind their headers. */
  readonly head: Buffer | undefined
  readonly client: ClientPresence
  readonly inFlight: InFlight
  /** What the request holds until it is answered. */
  readonly place: DisposableStack
  readonly metrics: Metrics
  /** Told what is asked for, as soon as it is known. */
  readonly describe: (counted: Counted) => void
}

const isTimeout = (error: unknown) => error instanceof StatusError && error.status.code === 504

async function decide(
  { request, head, client, inFlight, place, metrics, describe }: Arrival,
  deps: HandlerDeps,
  warn: (text: string) => void,
): Promise<Answer> {
  const { path, query } = splitURL(request.url ?? '/')
  const method = request.method ?? 'GET'
  const headers = request.headers as IncomingHttpHeaders // of either protocol
  const user = await deps.access.identify({ headers, socket: socketOf(request) })
  const target = parseResourcePath(path)
  const attributes = attributesOf(method, path, target, query)
  place.use(inFlight.enter(attributes, user.groups.includes(MASTERS)))
  const spec = target && deps.kinds.find(target.group, target.version, target.plural)
  const contentType = String(headers['content-type'] ?? '')
  describe({ verb: attributes.verb, target, spec, query, contentType })
  if (!target || !spec) {
    mayRequest(user, attributes, deps)
    if (path === '/metrics' && ['GET', 'HEAD'].includes(method)) return metrics.answer()
    return answerElsewhere(request, path, query, deps)
  }
  const { name = '', subresource } = target
  const namespace = spec.resource.namespaced ? target.namespace : undefined
  const isMisplaced = spec.resource.namespaced
    ? name !== '' && namespace === undefined
    : target.namespace !== undefined
  if (isMisplaced) throw unknownPath()
  const isOldWatch = target.isWatch && method === 'GET'
  const verb = isOldWatch ? 'watch' : verbOf(method, name !== '', query, subresource)
  checkSegment(name)
  mayRequest(user, attributes, deps)
  if (target.isWatch && verb !== 'watch') throw methodNotServed()
  // A stream opened by GET is what POST creates (AuthorizePodWebsocketUpgradeCreatePermission, on since 1.35).
  if (verb === 'get' && isStream(subresource))
    mayRequest(user, attributesOf('POST', path, target, query), deps)
  const handle = await findHandler({ spec, name, namespace, subresource }, verb)
  for (const warning of spec.resource.custom?.requestWarnings ?? []) warn(warning)
  if (spec.deprecation) warn(spec.deprecation)
  const restRequest: RESTRequest = {
    spec,
    namespace,
    name,
    subresource,
    query,
    contentType,
    userAgent: String(request.headers['user-agent'] ?? ''),
    user,
    get signal() {
      return client.signal
    },
    warn,
    incoming: request,
    upgrade: head && { method, url: request.url ?? '/', headers: request.headers, head },
    representation: (shape = 'object') => chooseForm(request.headers.accept, shape, spec.resource),
    body: async () => {
      const body = await readBody(request)
      await ownTurn()
      return body
    },
    pace: createPace(),
  }
  if (isLongRunning(attributes)) return handle(restRequest, deps)
  const milliseconds = deadlineOf(query, deps.limits?.requestTimeoutMs ?? REQUEST_TIMEOUT_MS)
  return within(milliseconds, handle(restRequest, deps), client.giveUp)
}

const isStream = (subresource: string | undefined) =>
  ['exec', 'attach', 'portforward'].includes(subresource ?? '')

function mayRequest(user: User, attributes: Attributes, { access }: HandlerDeps): void {
  const { verdict, reason } = access.authorize(user, attributes)
  if (verdict !== 'allow') throw forbiddenStatus(user, attributes, reason)
}

async function answerElsewhere(
  request: Request,
  path: string,
  query: URLSearchParams,
  { kinds, access, gitVersion, health }: HandlerDeps,
): Promise<Answer> {
  const answer =
    request.method === 'GET' || (request.method === 'HEAD' && !isRESTful(path))
      ? ((await answerHealth(path, query, health)) ??
        answerOpenPath(path, gitVersion) ??
        answerIssuer(path, access.tokens) ??
        answerIndex(path, () => ({ kinds: kinds.all(), health, isIssuer: !!access.tokens })) ??
        answerDiscovery(path, request.headers.accept, kinds.all()) ??
        (await answerOpenAPI(path, {
          query,
          accept: request.headers.accept,
          ifNoneMatch: request.headers['if-none-match'],
          kinds,
        })))
      : undefined
  if (answer) return answer
  if (request.method !== 'GET' && isKnownPath(path, kinds)) throw methodNotServed()
  if (isBelowAPI(path, kinds)) throw unknownPath()
  return { code: 404, contentType: 'text/plain; charset=utf-8', body: '404 page not found\n' }
}

/** What go-restful serves has no HEAD; handlers of its neighbour look at no method (apiserver server/handler.go). */
const isRESTful = (path: string) => /^\/(version|apis?|openid|\.well-known)(\/|$)/.test(path)

/** Paths that are there for those who read. */
function isKnownPath(path: string, kinds: HandlerDeps['kinds']): boolean {
  if (/^\/(version|apis?|openapi\/v[23]|healthz|livez|readyz|metrics|api\/v1)\/?$/.test(path))
    return true
  return /^\/apis\/[^/]+(\/v[^/]+)?\/?$/.test(path) && isBelowAPI(path, kinds)
}

/** Below /api and the groups that are served, unknown paths are told of as the API does. */
function isBelowAPI(path: string, kinds: HandlerDeps['kinds']): boolean {
  const [, root, group] = path.split('/')
  if (root === 'api') return true
  return root === 'apis' && kinds.all().some(({ resource }) => resource.group === group)
}

/** endpoints/handlers/namer.go */
function checkSegment(name: string): void {
  const sentences = isPathSegmentName(name)
  if (sentences.length === 0) return
  throw badRequest(`Name parameter invalid: ${quoteLikeGo(name)}: ${sentences.join(';')}`)
}

function splitURL(url: string): { readonly path: string; readonly query: URLSearchParams } {
  const at = url.indexOf('?')
  return at < 0
    ? { path: url, query: new URLSearchParams() }
    : { path: url.slice(0, at), query: new URLSearchParams(url.slice(at + 1)) }
}

/** The TLS socket below, which HTTP/2 hides behind its session. Every listener speaks TLS. */
function socketOf(request: Request): TLSSocket {
  const socket = 'stream' in request ? request.stream.session?.socket : request.socket
  if (!socket) throw unauthorized()
  return socket as TLSSocket
}
