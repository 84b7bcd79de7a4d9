import type { IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Pod } from '#api/core.ts'
import type { Log } from '#log/log.ts'
import type { Runtime } from '../runtimes/runtime.ts'
import { type ForwardTarget, servePortForward } from '../streaming/port-forward.ts'
import { refuse } from '../streaming/refuse.ts'
import { acceptRemoteCommand, parseStreamOptions } from '../streaming/remote-command.ts'
import { serveCommand } from '../streaming/serve-command.ts'
import { findPod, findRunning, Refusal } from './find-container.ts'
import { serveTunnel } from './serve-tunnel.ts'

export interface UpgradeDeps {
  readonly runtime: Runtime
  readonly pods: () => readonly Pod[]
  readonly nodeIP: string
  readonly log: Log
}

/** A stream on which nothing moves for so long is closed: the kubelet's streamingConnectionIdleTimeout. */
const IDLE_MS = 4 * 3600 * 1000
/** Streams that are open at once, on the whole node. */
const MAX_SESSIONS = 1000

/** Makes the function that serves connections which leave HTTP: exec, attach, port-forward, tunnels. Paths as the kubelet's. */
export function createUpgradeServer(deps: UpgradeDeps) {
  let open = 0
  return async (request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> => {
    socket.on('error', () => socket.destroy())
    if (socket instanceof Socket) socket.setTimeout(IDLE_MS, () => socket.destroy())
    if (head.length > 0) socket.unshift(head)
    if (open >= MAX_SESSIONS) return refuse(socket, 429, 'too many streams are open on this node')
    open++
    try {
      await serve(deps, request, socket)
    } catch (error) {
      if (error instanceof Refusal) refuse(socket, error.code, error.message)
      else if (error instanceof RangeError || error instanceof URIError)
        refuse(socket, 400, error.message)
      else {
        deps.log.warn('Cannot serve a stream', { url: request.url?.split('?')[0], cause: error })
        refuse(socket, 500, error instanceof Error ? error.message : String(error))
      }
    } finally {
      open--
    }
  }
}

async function serve(deps: UpgradeDeps, request: IncomingMessage, socket: Duplex): Promise<void> {
  const url = new URL(request.url ?? '/', 'https://node')
  const parts = url.pathname.split('/').slice(1).map(decodeURIComponent)
  const [kind, namespace = '', name = '', last = ''] = parts
  const find = () => findPod(deps.pods(), { namespace, name })
  if (kind === 'exec' && parts.length === 4)
    return await serveExec(deps, request, socket, {
      pod: find(),
      container: last,
      query: url.searchParams,
    })
  if (kind === 'attach' && parts.length === 4)
    return await serveAttach(deps, request, socket, {
      pod: find(),
      container: last,
      query: url.searchParams,
    })
  if (kind === 'portForward' && parts.length === 3)
    return await servePortForward(request, socket, url.searchParams, forwardTarget(deps, find()))
  if (kind === 'podTunnel' && parts.length === 4)
    return await serveTunnel(socket, addressOf(deps, find()), last)
  throw new Refusal(404, '404 page not found')
}

interface CommandRequest {
  readonly pod: Pod
  readonly container: string
  readonly query: URLSearchParams
}

async function serveExec(
  { runtime }: UpgradeDeps,
  request: IncomingMessage,
  socket: Duplex,
  { pod, container, query }: CommandRequest,
): Promise<void> {
  const options = parseStreamOptions(query)
  const command = query.getAll('command')
  if (command.length === 0)
    throw new RangeError('you must specify at least one command for the container')
  const found = findRunning(runtime, pod, container)
  const client = await acceptRemoteCommand(request, socket, options)
  if (!client) return
  try {
    const { stdin, tty } = options
    await serveCommand(client, runtime.startExec(found, { command, stdin, tty }), command)
  } catch (error) {
    // Here it is too late for HTTP: the client hears of it as upstream's do (NewInternalError).
    const why = `error executing command in container: ${error instanceof Error ? error.message : error}`
    await client.sendStatus({
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message: `Internal error occurred: ${why}`,
      reason: 'InternalError',
      details: { causes: [{ message: why }] },
      code: 500,
    })
    client.close()
  }
}

async function serveAttach(
  { runtime }: UpgradeDeps,
  request: IncomingMessage,
  socket: Duplex,
  { pod, container, query }: CommandRequest,
): Promise<void> {
  const options = parseStreamOptions(query)
  const found = findRunning(runtime, pod, container)
  const client = await acceptRemoteCommand(request, socket, options)
  if (client) await serveCommand(client, runtime.attach(found), [])
}

/** By what runs here, not by what a status says. */
function addressOf({ runtime, nodeIP }: UpgradeDeps, { metadata, spec }: Pod): string | undefined {
  const { sandbox } = runtime.observe(metadata.uid ?? '')
  if (sandbox.state !== 'ready') return undefined
  return spec.hostNetwork ? nodeIP : sandbox.ips[0]
}

function forwardTarget({ runtime }: UpgradeDeps, { metadata }: Pod): ForwardTarget {
  const { name, uid = '' } = metadata
  return { podName: name, podUID: uid, connect: (port) => runtime.connect(uid, port) }
}
