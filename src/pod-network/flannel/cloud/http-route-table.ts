import { formatCIDR, parseCIDR } from '#ip/cidr.ts'
import { parseIP } from '#ip/ip.ts'
import type { CloudRoute, CloudRouteTable } from './cloud.ts'

const TIMEOUT_MS = 5000
const MAX_ROUTES = 10_000

/**
 * The route table of a cloud by HTTP and JSON, as small as such an API can be; `serveRouteTable()` stands for the cloud. A provider for
 * a real cloud is another implementation of {@link CloudRouteTable}.
 *
 *   GET    <url>/routes               200 [{"destination":"10.244.1.0/24","nextHop":"172.30.0.11"}, …]
 *   PUT    <url>/routes/<destination> {"nextHop":"172.30.0.11"}   204      the destination is percent-encoded
 *   DELETE <url>/routes/<destination> 204, or 404 where there is none
 */
export function createHTTPRouteTable(url: string): CloudRouteTable {
  const ask = async (method: string, path: string, body?: object): Promise<Response> => {
    const response = await fetch(`${url.replace(/\/$/, '')}${path}`, {
      method,
      signal: AbortSignal.timeout(TIMEOUT_MS),
      ...(body && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
    })
    if (response.ok || (method === 'DELETE' && response.status === 404)) return response
    const answer = (await response.text()).slice(0, 200)
    throw new Error(`Cannot ${method} ${path} of the cloud's routes: ${response.status} ${answer}`)
  }
  const pathOf = ({ destination }: CloudRoute) =>
    `/routes/${encodeURIComponent(formatCIDR(destination))}`
  return {
    list: async () => decodeRoutes(await (await ask('GET', '/routes')).json()),
    put: async (route) => void (await ask('PUT', pathOf(route), { nextHop: route.nextHop })),
    delete: async (route) => void (await ask('DELETE', pathOf(route))),
  }
}

/** What is no route of pods is passed over: the table is others' too. */
export function decodeRoutes(value: unknown): readonly CloudRoute[] {
  if (!Array.isArray(value) || value.length > MAX_ROUTES)
    throw new Error("Cannot read the cloud's routes: the answer is no list of at most 10,000")
  return value.flatMap(
    (entry: { readonly destination?: unknown; readonly nextHop?: unknown } | null) => {
      const destination = parseCIDR(String(entry?.destination ?? ''))
      const nextHop = parseIP(String(entry?.nextHop ?? ''))
      return destination && nextHop !== undefined ? [{ destination, nextHop }] : []
    },
  )
}
