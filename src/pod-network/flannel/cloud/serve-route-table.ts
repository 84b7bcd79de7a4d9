import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import { formatCIDR, parseCIDR } from '#ip/cidr.ts'
import { parseIP } from '#ip/ip.ts'
import type { CloudRoute } from './cloud.ts'

/** Something that routes by the table: a cloud's router, or a namespace that stands for it. */
export interface RoutedNetwork {
  put(route: CloudRoute): void
  delete(route: CloudRoute): void
}

const MAX_BODY_BYTES = 1024
/** As Tencent's table, the last cloud that flannel has (facts/pod-network.md 3.4), has room for. */
const MAX_ROUTES = 50

/** A cloud's route table as a service on loopback, for tests and for trying the backend out: what {@link createHTTPRouteTable} asks. */
export async function serveRouteTable(
  network: RoutedNetwork,
): Promise<
  AsyncDisposable & { readonly url: string; readonly routes: ReadonlyMap<string, CloudRoute> }
> {
  const routes = new Map<string, CloudRoute>()
  const server = createServer(async (request, response) => {
    const answer = (code: number, body = '') => void response.writeHead(code).end(body)
    const [, name] = /^\/routes(?:\/([^/?]+))?$/.exec(request.url ?? '') ?? []
    if (name === undefined) {
      const list = [...routes.values()].map((it) => ({
        destination: formatCIDR(it.destination),
        nextHop: it.nextHop,
      }))
      return request.method === 'GET' ? answer(200, JSON.stringify(list)) : answer(405)
    }
    const destination = parseCIDR(decodeName(name))
    if (!destination) return answer(400, 'the destination is no network')
    const key = formatCIDR(destination)
    const held = routes.get(key)
    if (request.method === 'DELETE') {
      if (held) network.delete(held)
      return answer(routes.delete(key) ? 204 : 404)
    }
    if (request.method !== 'PUT') return answer(405)
    const nextHop = parseIP(await readNextHop(request))
    if (nextHop === undefined) return answer(400, 'nextHop is no address')
    if (!held && routes.size >= MAX_ROUTES)
      return answer(409, `the table is full: ${MAX_ROUTES} routes`)
    network.put({ destination, nextHop })
    routes.set(key, { destination, nextHop })
    return answer(204)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as { port: number }).port}`,
    routes,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((done) => server.close(done))
    },
  }
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
