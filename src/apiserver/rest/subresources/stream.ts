/** pods/exec, pods/attach, pods/portforward: checked here, then the connection is the node agent's, which speaks every protocol. */
import type { Pod } from '#api/core.ts'
import { badRequest } from '#api/status.ts'
import type { Answer } from '../../http/answer.ts'
import { splice, type Upgrade } from '../../http/upgrade.ts'
import { findItem } from '../find-item.ts'
import { objectOf } from '../record.ts'
import type { RESTDeps, RESTRequest } from '../request.ts'
import { askAgent, findAgent } from './agent.ts'
import { passOnRefusal } from './agent-refusal.ts'
import { chooseContainer } from './choose-container.ts'
import { flag } from './query-flag.ts'

type PathOf = (pod: Pod, query: URLSearchParams) => string

const commandPath =
  (kind: 'exec' | 'attach'): PathOf =>
  (pod, query) => {
    const container = chooseContainer(pod, query.get('container') ?? '')
    return `/${kind}/${pod.metadata.namespace}/${pod.metadata.name}/${container}?${streamParameters(query)}`
  }

const forwardPath: PathOf = ({ metadata }, query) => {
  const ports = query.getAll('ports').join(',')
  const parameters = ports === '' ? '' : `?${new URLSearchParams({ port: ports })}`
  return `/portForward/${metadata.namespace}/${metadata.name}${parameters}`
}

const both = (pathOf: PathOf) => {
  const connect = (request: RESTRequest, deps: RESTDeps) => connectToAgent(request, deps, pathOf)
  return { get: connect, create: connect }
}

export const exec = both(commandPath('exec'))
export const attach = both(commandPath('attach'))
export const portforward = both(forwardPath)

async function connectToAgent(
  request: RESTRequest,
  deps: RESTDeps,
  pathOf: PathOf,
): Promise<Answer> {
  const pod = objectOf(await findItem(request, deps)) as Pod
  const path = pathOf(pod, request.query)
  if (!pod.spec.nodeName) throw badRequest(`pod ${pod.metadata.name} does not have a host assigned`)
  const agent = await findAgent(pod.spec.nodeName, deps)
  const { upgrade } = request
  if (!upgrade) throw badRequest('Upgrade request required')
  const headers = passedOn(upgrade)
  const asked = { ...agent, path, method: upgrade.method, headers }
  const answer = await askAgent(asked, deps, request.signal)
  if (answer.kind === 'response') return await passOnRefusal(answer.response)
  const { response, socket, head } = answer
  return {
    upgrade(client) {
      client.write(`${switchingProtocols(response.rawHeaders)}\r\n`)
      if (upgrade.head.length > 0) client.unshift(upgrade.head)
      if (head.length > 0) socket.unshift(head)
      splice(client, socket)
    },
  }
}

/** The kubelet's names of the same options. Source: strategy.go, streamParams(). */
function streamParameters(query: URLSearchParams): URLSearchParams {
  const parameters = new URLSearchParams()
  for (const [name, agentName] of [
    ['stdin', 'input'],
    ['stdout', 'output'],
    ['stderr', 'error'],
    ['tty', 'tty'],
  ] as const)
    if (flag(query, name)) parameters.set(agentName, '1')
  for (const word of query.getAll('command')) parameters.append('command', word)
  return parameters
}

const PASSED_ON = [
  'connection',
  'upgrade',
  'sec-websocket-key',
  'sec-websocket-version',
  'x-stream-protocol-version',
]

/** The upgrade, and nothing that says who the client is. A token may hide among the subprotocols (websocket/protocol.go). */
function passedOn({ headers }: Upgrade): Record<string, string | string[]> {
  const passed: Record<string, string | string[]> = {}
  for (const name of PASSED_ON) {
    const value = headers[name]
    if (value !== undefined) passed[name] = value
  }
  const protocols = String(headers['sec-websocket-protocol'] ?? '')
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '' && !name.startsWith('base64url.bearer.authorization.k8s.io.'))
  if (protocols.length > 0) passed['sec-websocket-protocol'] = protocols.join(', ')
  return passed
}

/** The head of the answer, as the other side wrote it. */
export function switchingProtocols(rawHeaders: readonly string[]): string {
  let head = 'HTTP/1.1 101 Switching Protocols\r\n'
  for (let i = 0; i + 1 < rawHeaders.length; i += 2)
    head += `${rawHeaders[i]}: ${rawHeaders[i + 1]}\r\n`
  return head
}
