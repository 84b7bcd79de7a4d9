import fc from 'fast-check'
import type { Service, ServiceSpec } from '#api/core.ts'
import type { Endpoint, EndpointSlice } from '#api/discovery.ts'
import { createServiceIndex, planServiceModel, type ServiceModel } from '../../model.ts'
import { portOf, serviceOf, sliceOf } from './objects.ts'
import { OPTIONS } from './packet-flows.ts'

/* What may happen to Services and their slices, for tests that whatever happened, what is there is what a fresh start would make. */

/** Few names, addresses and ports, so that Services meet and fight over them. */
const NAMES = ['a', 'b', 'c'] as const
const name = fc.constantFrom(...NAMES)
const endpoint: fc.Arbitrary<Endpoint> = fc.record({
  addresses: fc
    .constantFrom('10.244.1.7', '10.244.1.8', '10.244.2.9', '127.0.0.1', 'fd00::1')
    .map((ip) => [ip]),
  nodeName: fc.constantFrom('node1', 'node2'),
  conditions: fc.record({ ready: fc.boolean(), serving: fc.boolean(), terminating: fc.boolean() }),
})
const policy = fc.constantFrom('Cluster' as const, 'Local' as const)
const spec: fc.Arbitrary<Partial<ServiceSpec> & { readonly loadBalancerIPs: readonly string[] }> =
  fc.record({
    type: fc.constantFrom('ClusterIP' as const, 'NodePort' as const, 'LoadBalancer' as const),
    clusterIP: fc.constantFrom('10.96.0.1', '10.96.0.2', '10.97.0.1', 'None'),
    ports: fc.constantFrom(portOf(80, { nodePort: 30080 }), portOf(80, { protocol: 'UDP' }), [
      ...portOf(80, { name: 'http', nodePort: 30081 }),
      ...portOf(30080, { name: 'dns', protocol: 'UDP' }),
    ]),
    loadBalancerIPs: fc.subarray(['172.30.0.200', '172.30.0.11', '10.96.0.2']),
    internalTrafficPolicy: policy,
    externalTrafficPolicy: policy,
    sessionAffinity: fc.constantFrom('None' as const, 'ClientIP' as const),
    loadBalancerSourceRanges: fc.subarray([
      '10.0.0.0/8',
      '10.1.0.0/16',
      '172.30.0.0/24',
      'nonsense',
    ]),
  })
export type Event =
  | { readonly set: Service | EndpointSlice }
  | { readonly delete: string; readonly kind: 'service' | 'slice' }
const event: fc.Arbitrary<Event> = fc.oneof(
  fc
    .tuple(name, spec, fc.constantFrom('2026-01-01T00:00:00Z', '2026-01-02T00:00:00Z'))
    .map(([key, one, creationTimestamp]) => {
      const service = serviceOf(key, one)
      return { set: { ...service, metadata: { ...service.metadata, creationTimestamp } } }
    }),
  fc
    .tuple(name, fc.array(endpoint, { maxLength: 5 }), fc.constantFrom('x', 'y'))
    .map(([key, some, suffix]) => ({
      set: sliceOf(key, some, ['8080', '8053/udp', 'http=8080', 'dns=8053/udp'], suffix),
    })),
  fc
    .tuple(name, fc.constantFrom('service' as const, 'slice' as const))
    .map(([key, kind]) => ({ delete: key, kind })),
)

export const histories: fc.Arbitrary<readonly Event[]> = fc.array(event, {
  minLength: 1,
  maxLength: 25,
})

/** Lets events happen, one by one. */
export interface World {
  happen(one: Event): void
  /** As changes made it. */
  readonly changed: ServiceModel
  /** Of what is there now, made at once. */
  readonly fresh: ServiceModel
}

export function createWorld(): World {
  const index = createServiceIndex(OPTIONS)
  const services = new Map<string, Service>()
  const slices = new Map<string, EndpointSlice>()
  return {
    happen: (one) => happen(one, index, services, slices),
    get changed() {
      return index.model()
    },
    get fresh() {
      return planServiceModel([...services.values()], [...slices.values()], OPTIONS)
    },
  }
}

function happen(
  one: Event,
  index: ReturnType<typeof createServiceIndex>,
  services: Map<string, Service>,
  slices: Map<string, EndpointSlice>,
): void {
  if ('delete' in one) {
    const [service, slice] = [services.get(one.delete), slices.get(`${one.delete}-x`)]
    if (one.kind === 'service' && service) {
      services.delete(one.delete)
      index.deleteService(service)
    }
    if (one.kind === 'slice' && slice) {
      slices.delete(slice.metadata.name)
      index.deleteSlice(slice)
    }
  } else if ('spec' in one.set) {
    services.set(one.set.metadata.name, one.set)
    index.setService(one.set)
  } else {
    slices.set(one.set.metadata.name, one.set)
    index.setSlice(one.set)
  }
}
