import type { IncomingMessage } from 'node:http'
import { type RequestOptions, request } from 'node:https'
import type { Duplex } from 'node:stream'
import type { Node } from '#api/core.ts'
import { nodes } from '#api/resources.ts'
import { internal, notFound } from '#api/status.ts'
import { keyOf, objectOf } from '../record.ts'
import type { RESTDeps } from '../request.ts'

const AGENT_PORT = 10250

export interface AgentAddress {
  readonly host: string
  readonly port: number
}

/** Where the agent of a node serves. @throws StatusError 404, 500 */
export async function findAgent(
  nodeName: string,
  { store }: Pick<RESTDeps, 'store'>,
): Promise<AgentAddress> {
  const item = await store.get(keyOf(nodes, undefined, nodeName))
  if (!item) throw notFound(nodes, nodeName)
  const { status } = objectOf(item) as Node // by its key
  const host = status?.addresses?.find(({ type }) => type === 'InternalIP')?.address
  if (!host) throw internal(`no preferred addresses found; known addresses: []`)
  return { host, port: status?.daemonEndpoints?.kubeletEndpoint?.Port ?? AGENT_PORT }
}

export interface AgentRequest extends AgentAddress {
  readonly path: string
  readonly method?: string
  readonly headers?: RequestOptions['headers']
}

export type AgentAnswer =
  | { readonly kind: 'response'; readonly response: IncomingMessage }
  /** The agent has left HTTP. `head` are its first bytes. */
  | {
      readonly kind: 'upgraded'
      readonly response: IncomingMessage
      readonly socket: Duplex
      readonly head: Buffer
    }

/** Asks a node's agent, as the API server. @throws StatusError 500 */
export function askAgent(
  { host, port, path, method = 'GET', headers = {} }: AgentRequest,
  { agentAccess: { caPEM, certPEM, keyPEM } }: Pick<RESTDeps, 'agentAccess'>,
  signal: AbortSignal,
): Promise<AgentAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<AgentAnswer>()
  const tls = { ca: caPEM, cert: certPEM, key: keyPEM }
  const outgoing = request({ host, port, path, method, headers, ...tls, agent: false, signal })
  outgoing.on('response', (response) => resolve({ kind: 'response', response }))
  outgoing.on('upgrade', (response, socket, head) =>
    resolve({ kind: 'upgraded', response, socket, head }),
  )
  outgoing.on('error', (cause) => {
    const address = host.includes(':') ? `[${host}]` : host
    reject(internal(`Get "https://${address}:${port}${path}": ${cause.message}`))
  })
  outgoing.end()
  return promise
}
