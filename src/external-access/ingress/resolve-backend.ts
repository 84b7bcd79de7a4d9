import type { Service, ServicePort } from '#api/core.ts'
import type { EndpointSlice } from '#api/discovery.ts'
import type { IngressBackend } from '#api/networking.ts'
import { compareIPs, parseIP } from '#ip/ip.ts'
import type { Backend, BackendEndpoint } from './model.ts'

/** Finds Services and their slices: by `namespace/name`. */
export interface ServiceLookup {
  service(key: string): Service | undefined
  slices(key: string): readonly EndpointSlice[]
}

export type Resolved =
  | { readonly backend: Backend; readonly problem?: string }
  | { readonly backend: undefined; readonly problem: string }

/** Follows an Ingress backend through its Service's port to the addresses behind it. */
export function resolveBackend(
  namespace: string,
  { service: wanted }: IngressBackend,
  lookup: ServiceLookup,
): Resolved {
  if (!wanted) return { backend: undefined, problem: 'only Services can be backends' }
  const key = `${namespace}/${wanted.name}`
  const port = wanted.port?.name ?? `${wanted.port?.number ?? ''}`
  const names = {
    id: `${namespace}.${wanted.name}.${port}`,
    logName: `${namespace}-${wanted.name}-${port}`,
  }
  const none = (problem: string) => ({ backend: { ...names, endpoints: [] }, problem })
  const service = lookup.service(key)
  if (!service) return none(`Service ${key} does not exist`)
  if (service.spec.type === 'ExternalName') return none(`Service ${key} is an ExternalName`)
  const servicePort = (service.spec.ports ?? []).find(({ name, port: number }) =>
    wanted.port?.name === undefined ? number === wanted.port?.number : name === wanted.port.name,
  )
  if (!servicePort) return none(`Service ${key} has no port ${port}`)
  return { backend: { ...names, endpoints: endpointsOf(lookup.slices(key), servicePort) } }
}

/** Ready endpoints of both families, each once, sorted. A condition that is absent counts as ready. */
function endpointsOf(
  slices: readonly EndpointSlice[],
  { name = '', protocol = 'TCP' }: ServicePort,
): readonly BackendEndpoint[] {
  const found = new Map<string, BackendEndpoint>()
  for (const slice of slices) {
    const port = (slice.ports ?? []).find(
      (each) => (each.name ?? '') === name && (each.protocol ?? 'TCP') === protocol,
    )?.port
    if (port === undefined) continue
    for (const { addresses, conditions } of slice.endpoints ?? []) {
      // All addresses of one endpoint lead to one pod: the first will do.
      const address = parseIP(addresses[0] ?? '')
      if (conditions?.ready !== false && address) found.set(`${address} ${port}`, { address, port })
    }
  }
  return [...found.values()].toSorted((a, b) => compareIPs(a.address, b.address) || a.port - b.port)
}
