import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { formatCIDR, parseCIDR } from '#ip/cidr.ts'
import { familyOf, parseIP } from '#ip/ip.ts'
import { KernelError } from '#kernel/kernel-error.ts'
import type { Route, Rtnetlink } from '#kernel/netlink/model.ts'
import { ROUTE_PROTOCOL } from '../backend.ts'
import type { CloudRoute } from './cloud.ts'

/** Something that routes by the table: a cloud's router, or a namespace that stands for it. */
export interface RoutedNetwork {
  /** What was put, and not deleted since; it outlives the service. */
  list(): readonly CloudRoute[]
  put(route: CloudRoute): void
  delete(route: CloudRoute): void
}

/** A namespace that routes by the table: the table is what its kernel holds of our protocol. */
export function createRouterNetwork(rtnetlink: Rtnetlink): RoutedNetwork {
  const toRoute = ({ destination, nextHop: gateway }: CloudRoute): Route => {
    const family = familyOf(gateway)
    return { family, destination, gateway, protocol: ROUTE_PROTOCOL }
  }
  return {
    list: () =>
      rtnetlink
        .routes()
        .flatMap(({ destination, gateway: nextHop, protocol }) =>
          destination && nextHop !== undefined && protocol === ROUTE_PROTOCOL
            ? [{ destination, nextHop }]
            : [],
        ),
    put: (route) => rtnetlink.replaceRoute(toRoute(route)),
    delete: (route) => void rtnetlink.deleteRoute(toRoute(route)),
  }
}

const MAX_BODY_BYTES = 1024
/** Of the largest cluster that `up` makes, 100 nodes, in both families. Clouds have such limits, too. */
const MAX_ROUTES = 200

export interface RouteTableOptions {
  /** Loopback by default. */
  readonly address?: string
  /** By default any that is free. */
  readonly port?: number
}

/** A cloud's route table as a service, for tests and for trying the backend out: what {@link createHTTPRouteTable} asks. */
export async function serveRouteTable(
  network: RoutedNetwork,
  { address = '127.0.0.1', port = 0 }: RouteTableOptions = {},
): Promise<AsyncDisposable & { readonly url: string }> {
  const server = createServer(async (request, response) => {
    const { code, body = '' } = await answer(network, request).catch((error: unknown) => ({
      code: 500,
      body: String(error),
    }))
    response.writeHead(code).end(body)
  }).listen(port, address)
  await once(server, 'listening')
  const host = address.includes(':') ? `[${address}]` : address
  return {
    url: `http://${host}:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((done) => server.close(done))
    },
  }
}

interface Answer {
  readonly code: number
  readonly body?: string
}

async function answer(network: RoutedNetwork, request: IncomingMessage): Promise<Answer> {
  const [path, name] = /^\/routes(?:\/([^/?]+))?$/.exec(request.url ?? '') ?? []
  if (path === undefined) return { code: 404, body: 'there are /routes, and /routes/<destination>' }
  const routes = network.list()
  if (name === undefined) {
    if (request.method !== 'GET') return { code: 405 }
    const list = routes.map(({ destination, nextHop }) => ({
      destination: formatCIDR(destination),
      nextHop,
    }))
    return { code: 200, body: JSON.stringify(list) }
  }
  const destination = parseCIDR(decodeName(name))
  if (!destination) return { code: 400, body: 'the destination is no network' }
  const held = routes.find((it) => formatCIDR(it.destination) === formatCIDR(destination))
  if (request.method === 'DELETE') {
    if (held) network.delete(held)
    return { code: held ? 204 : 404 }
  }
  if (request.method !== 'PUT') return { code: 405 }
  const nextHop = parseIP(await readNextHop(request))
  if (nextHop === undefined || familyOf(nextHop) !== familyOf(destination.address))
    return { code: 400, body: "nextHop is no address of the destination's family" }
  if (!held && routes.length >= MAX_ROUTES)
    return { code: 409, body: `the table is full: ${MAX_ROUTES} routes` }
  try {
    network.put({ destination, nextHop })
  } catch (error) {
    if (!(error instanceof KernelError)) throw error
    return { code: 422, body: error.message }
  }
  return { code: 204 }
}

function decodeName(name: string): string {
  try {
    return decodeURIComponent(name)
  } catch {
    return ''
  }
}

async function readNextHop(request: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of request) {
    text += chunk
    if (text.length > MAX_BODY_BYTES) return ''
  }
  try {
    return String((JSON.parse(text) as { readonly nextHop?: unknown } | null)?.nextHop ?? '')
  } catch {
    return ''
  }
}
