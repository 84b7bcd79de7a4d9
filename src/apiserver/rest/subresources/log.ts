import type { ClientRequest, IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { pipeline } from 'node:stream/promises'
import type { Node, Pod } from '#api/core.ts'
import { nodes } from '#api/resources.ts'
import { badRequest, internal, notFound } from '#api/status.ts'
import type { Answer } from '../../http/answer.ts'
import { findItem } from '../find-item.ts'
import { keyOf, objectOf } from '../record.ts'
import type { AgentAccess, RESTDeps, RESTRequest } from '../request.ts'
import { explainRefusal } from './agent-refusal.ts'

/** What PodLogOptions hands on to the node agent; `container` is part of the path there. */
const PASSED_ON = [
  'follow',
  'previous',
  'sinceSeconds',
  'sinceTime',
  'timestamps',
  'tailLines',
  'limitBytes',
  'stream',
]
const AGENT_PORT = 10250

/** pods/log: passes the lines through from the agent of the pod's node. */
export const log = {
  async get(request: RESTRequest, deps: RESTDeps): Promise<Answer> {
    const pod = objectOf(await findItem(request, deps)) as Pod
    const container = chooseContainer(pod, request.query.get('container') ?? '')
    const { host, port } = await findAgent(pod, deps)
    const { namespace, name } = pod.metadata
    const passed = [...request.query].filter(([key]) => PASSED_ON.includes(key))
    const query = new URLSearchParams(passed).toString()
    const path = `/containerLogs/${namespace}/${name}/${container}${query === '' ? '' : `?${query}`}`
    const response = await fetchFromAgent({ host, port, path }, deps.agentAccess, request.signal)
    if (response.statusCode !== 200) throw await explainRefusal(response, name)
    return {
      code: 200,
      contentType: response.headers['content-type'] ?? 'text/plain',
      // A reader that goes away ends the pipe early, which is no error of ours.
      stream: (out) => pipeline(response, out, { end: false }).catch(() => {}),
    }
  },
}

// pkg/registry/core/pod/strategy.go, LogLocation
function chooseContainer({ metadata: { name, annotations }, spec }: Pod, wanted: string): string {
  const init = (spec.initContainers ?? []).map((container) => container.name)
  const main = spec.containers.map((container) => container.name)
  const all = [...main, ...init]
  if (wanted !== '') {
    if (all.includes(wanted)) return wanted
    throw badRequest(`container ${wanted} is not valid for pod ${name}`)
  }
  const chosen = annotations?.['kubectl.kubernetes.io/default-container']
  if (chosen && all.includes(chosen)) return chosen
  if (main.length === 1 && init.length === 0) return main[0]!
  const rest = init.length === 0 ? '' : ` or one of the init containers: [${init.join(' ')}]`
  throw badRequest(
    `a container name must be specified for pod ${name}, choose one of: [${main.join(' ')}]${rest}`,
  )
}

interface AgentAddress {
  readonly host: string
  readonly port: number
}

async function findAgent(
  { metadata: { name }, spec }: Pod,
  { store }: RESTDeps,
): Promise<AgentAddress> {
  if (!spec.nodeName) throw badRequest(`pod ${name} does not have a host assigned`)
  const item = await store.get(keyOf(nodes, undefined, spec.nodeName))
  if (!item) throw notFound(nodes, spec.nodeName)
  const { status } = objectOf(item) as Node // by its key
  const host = status?.addresses?.find(({ type }) => type === 'InternalIP')?.address
  if (!host) throw internal(`no preferred addresses found; known addresses: []`)
  return { host, port: status?.daemonEndpoints?.kubeletEndpoint?.Port ?? AGENT_PORT }
}

function fetchFromAgent(
  { host, port, path }: AgentAddress & { readonly path: string },
  { caPEM, certPEM, keyPEM }: AgentAccess,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
  const outgoing: ClientRequest = httpsRequest(
    { host, port, path, ca: caPEM, cert: certPEM, key: keyPEM, agent: false, signal },
    resolve,
  )
  outgoing.on('error', (cause) => {
    const address = host.includes(':') ? `[${host}]` : host
    reject(internal(`Get "https://${address}:${port}${path}": ${cause.message}`))
  })
  outgoing.end()
  return promise
}
