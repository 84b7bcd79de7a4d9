/** What pods/proxy, services/proxy and nodes/proxy reach: pods and nodes of the cluster, and nothing else. */
import { connect as connectTCP } from 'node:net'
import type { Duplex } from 'node:stream'
import { type ConnectionOptions, connect as connectTLS } from 'node:tls'
import type { Endpoints, Pod, Service } from '#api/core.ts'
import * as resources from '#api/resources.ts'
import { badRequest, notFound, serviceUnavailable } from '#api/status.ts'
import { keyOf, objectOf } from '../../record.ts'
import type { RESTDeps, RESTRequest } from '../../request.ts'
import { askAgent, findAgent } from '../agent.ts'
import { readText } from '../agent-refusal.ts'
import { isGlobalUnicast } from '../global-unicast.ts'
import { parseProxyName } from './proxy-name.ts'

export interface ProxyTarget {
  /** As in a URL: links of the program's own to it are rewritten. */
  readonly host: string
  readonly isTLS: boolean
  /** @throws StatusError 503 */
  connect(signal: AbortSignal): Promise<Duplex>
}

type Located = Pick<RESTRequest, 'spec' | 'namespace' | 'name'>

/** @throws StatusError 400, 404, 503 */
export async function findProxyTarget(located: Located, deps: RESTDeps): Promise<ProxyTarget> {
  switch (located.spec.resource.plural) {
    case 'services':
      return await serviceTarget(located, deps)
    case 'nodes':
      return await nodeTarget(located, deps)
    default:
      return await podTarget(located, deps)
  }
}

// pkg/registry/core/pod/strategy.go, ResourceLocation()
async function podTarget({ namespace, name: id }: Located, deps: RESTDeps): Promise<ProxyTarget> {
  const { scheme, name, port } = parseProxyName(id, 'pod')
  const pod = await getPod(namespace, name, deps)
  if (!pod) throw notFound(resources.pods, name)
  const declared = pod.spec.containers.flatMap(({ ports = [] }) => ports)[0]?.containerPort
  const chosen = port || String(declared ?? (scheme === 'https' ? 443 : 80))
  return throughAgent(pod, chosen, scheme === 'https', deps)
}

// pkg/registry/core/service/storage/storage.go, ResourceLocation()
async function serviceTarget(
  { namespace, name: id }: Located,
  deps: RESTDeps,
): Promise<ProxyTarget> {
  const { scheme, name, port } = parseProxyName(id, 'service')
  const portName = /^\d+$/.test(port) ? await portNamed(namespace, name, Number(port), deps) : port
  const endpoints = await deps.store.get(keyOf(resources.endpoints, namespace, name))
  if (!endpoints) throw notFound(resources.endpoints, name)
  const { subsets = [] } = objectOf(endpoints) as Endpoints
  const candidates = readyEndpoints(subsets, namespace, portName)
  const start = Math.floor(Math.random() * candidates.length)
  for (let i = 0; i < candidates.length; i++) {
    const { address, podName, port: target } = candidates[(start + i) % candidates.length]!
    const pod = await getPod(namespace, podName, deps)
    // An address that somebody wrote down, which no pod has, is nowhere to go.
    if (pod?.status?.podIPs?.some(({ ip }) => ip === address))
      return throughAgent(pod, String(target), scheme === 'https', deps)
  }
  // Of an Endpoints object with no addresses at all upstream tells the name; else what was asked for.
  const told = subsets.length === 0 ? name : id
  throw serviceUnavailable(`no endpoints available for service ${JSON.stringify(told)}`)
}

async function portNamed(
  namespace: string | undefined,
  name: string,
  port: number,
  { store }: RESTDeps,
): Promise<string> {
  const item = await store.get(keyOf(resources.services, namespace, name))
  if (!item) throw notFound(resources.services, name)
  const { spec } = objectOf(item) as Service
  const found = spec.ports?.find((candidate) => candidate.port === port)
  if (found) return found.name ?? ''
  throw serviceUnavailable(`no service port ${port} found for service ${JSON.stringify(name)}`)
}

interface Candidate {
  readonly address: string
  readonly podName: string
  readonly port: number
}

function readyEndpoints(
  subsets: NonNullable<Endpoints['subsets']>,
  namespace: string | undefined,
  portName: string,
): readonly Candidate[] {
  return subsets.flatMap(({ addresses = [], ports = [] }) => {
    const port = ports.find(({ name = '' }) => name === portName)?.port
    if (port === undefined) return []
    return addresses.flatMap(({ ip: address, targetRef }) => {
      const isPod = targetRef?.kind === 'Pod' && targetRef.namespace === namespace
      const podName = isPod ? targetRef.name : undefined
      return podName === undefined ? [] : [{ address, podName, port }]
    })
  })
}

// pkg/registry/core/node/strategy.go, ResourceLocation()
async function nodeTarget({ name: id }: Located, deps: RESTDeps): Promise<ProxyTarget> {
  const { scheme, name, port } = parseProxyName(id, 'node')
  const agent = await findAgent(name, deps)
  if (!isGlobalUnicast(agent.host)) throw badRequest('address not allowed')
  if (port === '' || port === String(agent.port)) {
    const { caPEM: ca, certPEM: cert, keyPEM: key } = deps.agentAccess
    const host = hostOf(agent.host, agent.port)
    return { host, isTLS: true, connect: () => dial(agent.host, agent.port, { ca, cert, key }) }
  }
  const number = parsePort(port)
  const isTLS = scheme === 'https'
  return {
    host: hostOf(agent.host, number),
    isTLS,
    connect: () => dial(agent.host, number, isTLS ? { rejectUnauthorized: false } : undefined),
  }
}

/** The control plane has no route to pods: their node's agent connects, to the pod that is named, whatever its status says. */
async function throughAgent(
  { metadata, spec, status }: Pod,
  portText: string,
  isTLS: boolean,
  deps: RESTDeps,
): Promise<ProxyTarget> {
  const port = parsePort(portText)
  if (!isGlobalUnicast(status?.podIP ?? '') || !spec.nodeName)
    throw badRequest('address not allowed')
  const agent = await findAgent(spec.nodeName, deps)
  const path = `/podTunnel/${metadata.namespace}/${metadata.name}/${port}`
  const headers = { connection: 'Upgrade', upgrade: 'tcp' }
  return {
    host: hostOf(status!.podIP!, port),
    isTLS,
    async connect(signal) {
      const answer = await askAgent({ ...agent, path, headers }, deps, signal)
      if (answer.kind === 'response') throw unreachable((await readText(answer.response)).trim())
      if (answer.head.length > 0) answer.socket.unshift(answer.head)
      // What is behind the API server's own address has no certificate that could be checked.
      return isTLS
        ? await secured(connectTLS({ socket: answer.socket, rejectUnauthorized: false }))
        : answer.socket
    },
  }
}

async function getPod(
  namespace: string | undefined,
  name: string,
  { store }: RESTDeps,
): Promise<Pod | undefined> {
  const item = await store.get(keyOf(resources.pods, namespace, name))
  return item && (objectOf(item) as Pod)
}

function parsePort(text: string): number {
  const port = Number(text)
  if (/^\d{1,5}$/.test(text) && port >= 1 && port <= 0xffff) return port
  throw serviceUnavailable(`error trying to reach service: address ${text}: invalid port`)
}

const hostOf = (address: string, port: number) =>
  address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`

const unreachable = (why: string) => serviceUnavailable(`error trying to reach service: ${why}`)

const CONNECT_MS = 10_000

async function dial(
  host: string,
  port: number,
  tls: ConnectionOptions | undefined,
): Promise<Duplex> {
  const { promise, resolve, reject } = Promise.withResolvers<Duplex>()
  const socket = connectTCP({ host, port, noDelay: true })
  const fail = (why: string) => reject(unreachable(`dial tcp ${hostOf(host, port)}: ${why}`))
  socket.setTimeout(CONNECT_MS, () => {
    socket.destroy()
    fail('i/o timeout')
  })
  socket.once('error', ({ message, ...rest }) =>
    fail('code' in rest && rest.code === 'ECONNREFUSED' ? 'connect: connection refused' : message),
  )
  socket.once('connect', () => {
    socket.setTimeout(0)
    resolve(tls ? secured(connectTLS({ ...tls, socket, host })) : socket)
  })
  return await promise
}

async function secured(socket: ReturnType<typeof connectTLS>): Promise<Duplex> {
  const { promise, resolve, reject } = Promise.withResolvers<Duplex>()
  socket.once('secureConnect', () => resolve(socket))
  socket.once('error', ({ message }) => reject(unreachable(message)))
  socket.once('close', () => reject(unreachable('EOF')))
  return await promise
}
