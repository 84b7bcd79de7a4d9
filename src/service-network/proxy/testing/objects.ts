import type { Service, ServicePort, ServiceSpec } from '#api/core.ts'
import type { Endpoint, EndpointSlice } from '#api/discovery.ts'

/** A Service as the API server would give it, in the namespace `default`. */
export function serviceOf(
  name: string,
  {
    loadBalancerIPs = [],
    ...spec
  }: Partial<ServiceSpec> & { readonly loadBalancerIPs?: readonly string[] },
): Service {
  const ingress = loadBalancerIPs.map((ip) => ({ ip, ipMode: 'VIP' as const }))
  return {
    metadata: { name, namespace: 'default' },
    spec: { type: 'ClusterIP', ...spec },
    ...(ingress.length > 0 && { status: { loadBalancer: { ingress } } }),
  }
}

/** One port; more are written out. */
export function portOf(port: number, rest: Partial<ServicePort> = {}): readonly ServicePort[] {
  return [{ protocol: 'TCP', port, ...rest }]
}

/** The slice of a Service whose endpoints listen on `ports`: a number, or `name=number`, or with `/udp`. */
export function sliceOf(
  service: string,
  endpoints: readonly (Endpoint | string)[],
  ports: readonly string[] = ['8080'],
  suffix = 'x',
): EndpointSlice {
  const labels = { 'kubernetes.io/service-name': service }
  return {
    metadata: { name: `${service}-${suffix}`, namespace: 'default', labels },
    addressType: 'IPv4',
    endpoints: endpoints.map((one) => (typeof one === 'string' ? endpointOf(one) : one)),
    ports: ports.map((text) => {
      const [, name = '', port, protocol = 'tcp'] = /^(?:(.*)=)?(\d+)(?:\/(\w+))?$/.exec(text) ?? []
      return { name, port: Number(port), protocol: protocol.toUpperCase() as 'TCP' }
    }),
  }
}

/** `10.244.2.7` is a ready pod on node2. */
export function endpointOf(address: string, rest: Partial<Endpoint> = {}): Endpoint {
  return {
    addresses: [address],
    nodeName: `node${address.split('.')[2]}`,
    conditions: { ready: true },
    ...rest,
  }
}
