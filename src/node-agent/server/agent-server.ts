import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:https'
import type { TLSSocket } from 'node:tls'
import type { Pod } from '#api/core.ts'
import type { Log } from '#log/log.ts'
import { parseLogOptions } from '../logs/log-options.ts'
import type { LogSource } from '../logs/read-entries.ts'
import { readLog } from '../logs/read-log.ts'
import { watchLog } from '../logs/watch-log.ts'
import type { ContainerRef, Runtime } from '../runtimes/runtime.ts'
import { refuse } from '../streaming/refuse.ts'
import { mayAsk } from './client-identity.ts'
import { containersOf } from './find-container.ts'
import { createUpgradeServer } from './serve-upgrade.ts'

export interface AgentServerOptions {
  readonly host: string
  readonly port: number
  readonly certPEM: string
  readonly keyPEM: string
  /** Who may ask: holders of a certificate of this authority. */
  readonly clientCAPEM: string
}

export interface AgentServerDeps {
  readonly runtime: Runtime
  readonly pods: () => readonly Pod[]
  readonly log: Log
}

/** As the API server's: the URL of an exec holds the whole command. */
const MAX_HEADER_BYTES = 1024 * 1024

/** Serves what the API server asks of a node, until aborted. */
export async function serveAgent(
  deps: AgentServerDeps,
  { host, port, certPEM, keyPEM, clientCAPEM }: AgentServerOptions,
  signal: AbortSignal,
): Promise<void> {
  const server = createServer(
    {
      cert: certPEM,
      key: keyPEM,
      ca: clientCAPEM,
      requestCert: true,
      rejectUnauthorized: true,
      minVersion: 'TLSv1.2',
      maxHeaderSize: MAX_HEADER_BYTES,
    },
    (request, response) => {
      if (mayAsk(request.socket as TLSSocket)) void answer(deps, request, response)
      else answerText(response, 403, 'Forbidden')
    },
  )
  const serveUpgrade = createUpgradeServer({ ...deps, nodeIP: host })
  server.on('upgrade', (request, socket, head) => {
    if (mayAsk(socket as TLSSocket)) void serveUpgrade(request, socket, head)
    else refuse(socket, 403, 'Forbidden')
  })
  server.listen(port, host)
  await once(server, 'listening', { signal })
  await once(signal, 'abort').catch(() => undefined)
  server.close()
  server.closeAllConnections()
}

async function answer(
  deps: AgentServerDeps,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  try {
    const url = new URL(request.url ?? '/', 'https://node')
    const parts = url.pathname.split('/').slice(1).map(decodeURIComponent)
    if (request.method !== 'GET') return answerText(response, 405, 'Method Not Allowed')
    if (url.pathname === '/healthz') return answerText(response, 200, 'ok')
    if (url.pathname === '/pods') return sendPods(deps, response)
    const [kind, namespace = '', name = '', container = ''] = parts
    if (kind === 'containerLogs' && parts.length === 4)
      return await sendLog(deps, { namespace, name, container }, url.searchParams, response)
    answerText(response, 404, '404 page not found')
  } catch (error) {
    if (response.headersSent) response.destroy()
    else if (error instanceof RangeError || error instanceof URIError)
      answerText(response, 400, error.message)
    else {
      deps.log.error('Cannot answer a request', { url: request.url, cause: error })
      answerText(response, 500, error instanceof Error ? error.message : String(error))
    }
  }
}

function answerText(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' })
  response.end(text)
}

function sendPods({ pods }: AgentServerDeps, response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'application/json' })
  response.end(JSON.stringify({ kind: 'PodList', apiVersion: 'v1', metadata: {}, items: pods() }))
}

interface LogAddress {
  readonly namespace: string
  readonly name: string
  readonly container: string
}

async function sendLog(
  deps: AgentServerDeps,
  address: LogAddress,
  query: URLSearchParams,
  response: ServerResponse,
): Promise<void> {
  const options = parseLogOptions(query, Date.now())
  const found = findAttempt(deps, address, options.previous)
  if ('refusal' in found) {
    answerText(response, found.status, found.refusal)
    return
  }
  const abort = new AbortController()
  response.once('close', () => abort.abort())
  response.writeHead(200, { 'content-type': 'text/plain; charset=utf-8' })
  response.flushHeaders()
  using source = watchLog(deps.runtime, found)
  if (hasEnded(deps.runtime, found)) await waitForEnd(source)
  for await (const bytes of readLog(source, options, abort.signal)) {
    if (!response.write(bytes))
      await once(response, 'drain', { signal: abort.signal }).catch(() => undefined)
  }
  response.end()
}

/** The kubelet's words (pkg/kubelet/kubelet_pods.go, validateContainerLogStatus): kubectl shows them. */
function findAttempt(
  { runtime, pods }: AgentServerDeps,
  { namespace, name, container }: LogAddress,
  previous: boolean,
): ContainerRef | { readonly status: number; readonly refusal: string } {
  const pod = pods().find(
    ({ metadata }) => metadata.name === name && (metadata.namespace ?? 'default') === namespace,
  )
  if (!pod)
    return { status: 404, refusal: `pod ${JSON.stringify(`${name}_${namespace}`)} not found` }
  const podUID = pod.metadata.uid ?? ''
  const attempts = runtime.observe(podUID).containers.get(container) ?? []
  const attempt = attempts.at(previous ? -2 : -1)
  if (attempt) return { podUID, name: container, attempt: attempt.attempt }
  const all = containersOf(pod)
  if (!all.some((candidate) => candidate.name === container))
    return { status: 404, refusal: `container "${container}" in pod "${name}" is not available` }
  if (previous)
    return {
      status: 400,
      refusal: `previous terminated container "${container}" in pod "${name}" not found`,
    }
  const {
    containerStatuses = [],
    initContainerStatuses = [],
    ephemeralContainerStatuses = [],
  } = pod.status ?? {}
  const status = [
    ...containerStatuses,
    ...initContainerStatuses,
    ...ephemeralContainerStatuses,
  ].find((candidate) => candidate.name === container)
  const reason = status?.state?.waiting?.reason ?? 'ContainerCreating'
  return {
    status: 400,
    refusal: `container "${container}" in pod "${name}" is waiting to start: ${reason}`,
  }
}

/** What a container says last may still be on its way to its log. */
const LAST_WORDS_MS = 2000

async function waitForEnd({ isOpen, news }: LogSource): Promise<void> {
  const deadline = performance.now() + LAST_WORDS_MS
  while (isOpen() && performance.now() < deadline) await news()
}

function hasEnded(runtime: Runtime, { podUID, name, attempt }: ContainerRef): boolean {
  const attempts = runtime.observe(podUID).containers.get(name)
  return attempts?.find((each) => each.attempt === attempt)?.state.kind === 'exited'
}
