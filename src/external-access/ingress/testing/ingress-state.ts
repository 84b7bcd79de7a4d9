import type { Service } from '#api/core.ts'
import type { EndpointSlice } from '#api/discovery.ts'
import type { HTTPIngressPath, Ingress, IngressClass, IngressSpec } from '#api/networking.ts'
import { matchPath } from '../match-path.ts'
import type { IngressPlan } from '../model.ts'
import type { IngressState } from '../plan-ingress.ts'

// Addresses in all tests: pods 10.244.0.0/16, services 10.96.0.0/16.
export const nginxClass: IngressClass = {
  metadata: { name: 'nginx' },
  spec: { controller: 'k8s.io/ingress-nginx' },
}

export function ingress(
  name: string,
  spec: IngressSpec,
  metadata: Partial<Ingress['metadata']> = {},
): Ingress {
  return {
    metadata: {
      name,
      namespace: 'default',
      creationTimestamp: '2026-01-01T00:00:00Z',
      ...metadata,
    },
    spec: { ingressClassName: 'nginx', ...spec },
  }
}

export function to(service: string, port: number | string = 80) {
  return {
    service: { name: service, port: typeof port === 'number' ? { number: port } : { name: port } },
  }
}

export function path(
  pathType: NonNullable<HTTPIngressPath['pathType']>,
  text: string,
  service = 'web',
): HTTPIngressPath {
  return { path: text, pathType, backend: to(service) }
}

function serviceOf(name: string): { service: Service; slice: EndpointSlice } {
  const metadata = { name, namespace: 'default' }
  return {
    service: {
      metadata,
      spec: {
        clusterIP: '10.96.0.20',
        ports: [
          { name: 'http', port: 80 },
          { name: 'alt', port: 81 },
        ],
      },
    },
    slice: {
      metadata: { ...metadata, labels: { 'kubernetes.io/service-name': name } },
      addressType: 'IPv4',
      endpoints: [
        { addresses: ['10.244.2.7'] },
        { addresses: ['10.244.1.7'], conditions: { ready: true } },
        { addresses: ['10.244.3.7'], conditions: { ready: false } },
      ],
      ports: [
        { name: 'http', port: 8080 },
        { name: 'alt', port: 8081 },
      ],
    },
  }
}

export function state(
  ingresses: readonly Ingress[],
  more: Partial<IngressState> = {},
): IngressState {
  const made = ['web', 'other', 'third'].map(serviceOf)
  return {
    ingresses,
    classes: [nginxClass],
    services: made.map(({ service }) => service),
    slices: made.map(({ slice }) => slice),
    secrets: [],
    ...more,
  }
}

/** Which backend a request reaches by the plan: as nginx picks a server, and then by the rules of the specification. */
export function route(plan: IngressPlan, host: string, requested: string): string {
  const wildcard = `*${host.slice(host.indexOf('.'))}`
  const server = [host, wildcard, '']
    .map((each) => plan.servers.find((server) => server.host === each))
    .find((each) => each)
  const action = matchPath(server!.locations, requested)?.action
  return !action || action.kind === 'not-found'
    ? '404'
    : action.kind === 'unavailable'
      ? '503'
      : action.backend.split('.')[1]!
}

export const all = (service: string) => ({ http: { paths: [path('Prefix', '/', service)] } })
