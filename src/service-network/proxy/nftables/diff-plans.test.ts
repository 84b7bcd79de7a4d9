import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import type { Service, ServiceSpec } from '#api/core.ts'
import type { Endpoint, EndpointSlice } from '#api/discovery.ts'
import { createServiceIndex, planServiceModel } from '../../model.ts'
import { createFakeTable } from '../testing/fake-table.ts'
import { portOf, serviceOf, sliceOf } from '../testing/objects.ts'
import { OPTIONS } from '../testing/packet-flows.ts'
import { diffPlans, isEmpty } from './diff-plans.ts'
import { planProxy } from './plan-proxy.ts'
import { renderChanges } from './render.ts'

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
type Event =
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

suite('diffPlans()', () => {
  test('after every history, changes one by one give what a fresh plan gives', () => {
    fc.assert(
      fc.property(fc.array(event, { minLength: 1, maxLength: 25 }), (history) => {
        const index = createServiceIndex(OPTIONS)
        const services = new Map<string, Service>()
        const slices = new Map<string, EndpointSlice>()
        const table = createFakeTable()
        let applied = planProxy(index.model(), OPTIONS)
        table.replace(applied)
        for (const one of history) {
          happen(one, index, services, slices)
          const desired = planProxy(index.model(), OPTIONS, applied)
          const changes = diffPlans(applied, desired)
          renderChanges(changes, 4) // refuses what is no plain word
          table.commit(changes)
          applied = desired
          const model = planServiceModel([...services.values()], [...slices.values()], OPTIONS)
          assert.deepEqual(index.model(), model)
          const fresh = createFakeTable()
          fresh.replace(planProxy(model, OPTIONS))
          assert.deepEqual(table.elements(), fresh.elements())
        }
      }),
      { numRuns: 200 },
    )
  })

  const service = serviceOf('web', { clusterIP: '10.96.0.20', ports: portOf(80) })
  const planOf = (...addresses: readonly string[]) =>
    planServiceModel([service], [sliceOf('web', addresses)], OPTIONS)

  test('says nothing where nothing changed', () => {
    const plan = planProxy(planOf('10.244.2.9'), OPTIONS)
    assert.ok(isEmpty(diffPlans(plan, planProxy(planOf('10.244.2.9'), OPTIONS, plan))))
  })

  test('another endpoint is a few elements, in an order that nft can commit', () => {
    const before = planProxy(planOf('10.244.2.9'), OPTIONS)
    const after = planProxy(planOf('10.244.2.9', '10.244.3.9'), OPTIONS, before)
    // Written by hand from nft(8): chains before who goes to them, additions before deletions, a changed key deleted first.
    const rule = (protocol: string) =>
      `add rule ip fairlead-proxy spread-2 meta l4proto ${protocol} dnat to ip daddr . ${protocol} dport . numgen random mod 2 map @endpoints-${protocol}`
    assert.deepEqual(renderChanges(diffPlans(before, after), 4).trimEnd().split('\n'), [
      'add chain ip fairlead-proxy spread-2',
      rule('tcp'),
      rule('udp'),
      rule('sctp'),
      'add element ip fairlead-proxy endpoints-tcp { 10.96.0.20 . 80 . 1 : 10.244.3.9 . 8080 }',
      'delete element ip fairlead-proxy services { 10.96.0.20 . tcp . 80 }',
      'add element ip fairlead-proxy services { 10.96.0.20 . tcp . 80 : goto spread-2 }',
    ])
  })
})

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
