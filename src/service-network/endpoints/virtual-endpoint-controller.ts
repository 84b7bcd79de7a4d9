import type { Service } from '#api/core.ts'
import type { EndpointSlice } from '#api/discovery.ts'
import type { ServiceCIDR } from '#api/networking.ts'
import type { ObjectKey } from '#client/api.ts'
import type { Controller } from '#client/controller.ts'
import type { EventRecorder } from '#client/event-recorder.ts'
import type { Informer } from '#client/informer.ts'
import { parseCIDR } from '#ip/cidr.ts'
import { describeIgnoredEndpoints, findIgnoredEndpoints } from './find-ignored-endpoints.ts'
import { describeVirtualEndpoints, findVirtualEndpoints } from './find-virtual-endpoints.ts'
import { MANAGER } from './plan-service-slices.ts'
import { MANAGED_BY, SERVICE_NAME } from './plan-slices.ts'

export interface VirtualEndpointDeps {
  readonly services: Informer<Service>
  readonly slices: Informer<EndpointSlice>
  readonly serviceCIDRs: Informer<ServiceCIDR>
  readonly events: EventRecorder
}

/** Warns, by events of the Service, where hand-made endpoints are virtual addresses, or are ignored by proxies. */
export function virtualEndpointController({
  services,
  slices,
  serviceCIDRs,
  events,
}: VirtualEndpointDeps): Controller {
  /** Services that have hand-made slices, by `namespace/name`, and what was said of them last. */
  const watched = new Map<string, { readonly key: ObjectKey; readonly told: Map<string, string> }>()
  const handMadeOf = ({ namespace = '', name }: ObjectKey) =>
    slices.select(namespace, { [SERVICE_NAME]: name }).filter(isHandMade)
  const ranges = () =>
    serviceCIDRs
      .list()
      .flatMap(({ spec }) => (spec?.cidrs ?? []).flatMap((cidr) => parseCIDR(cidr) ?? []))
  return {
    name: 'virtual-endpoints',
    informers: [services, slices, serviceCIDRs],
    start(enqueue) {
      const checkSlice = (slice: EndpointSlice) => {
        const { namespace = '', labels } = slice.metadata
        const name = labels?.[SERVICE_NAME]
        if (name === undefined || !isHandMade(slice)) return
        const id = `${namespace}/${name}`
        if (!watched.has(id)) watched.set(id, { key: { namespace, name }, told: new Map() })
        enqueue({ namespace, name })
      }
      const checkAll = () => {
        for (const { key } of watched.values()) enqueue(key)
      }
      const stops = [
        slices.subscribe(({ object }) => checkSlice(object)),
        // Also one that comes after its slices.
        services.subscribe(({ object, previous }) => {
          if (addressesOf(object) !== addressesOf(previous)) checkAll()
        }),
        serviceCIDRs.subscribe(checkAll),
      ]
      return () => stops.forEach((stop) => void stop())
    },
    reconcile(key) {
      const id = `${key.namespace}/${key.name}`
      const service = services.get(key)
      const handMade = handMadeOf(key)
      if (handMade.length === 0) watched.delete(id)
      const entry = watched.get(id)
      if (!service || !entry) return Promise.resolve(undefined)
      const tell = (reason: string, message: string) => {
        if (message !== '' && message !== entry.told.get(reason))
          events.event(service, 'Warning', reason, message)
        entry.told.set(reason, message)
      }
      const found = findVirtualEndpoints(handMade, services.list(), ranges())
      tell('EndpointIsVirtual', found.length > 0 ? describeVirtualEndpoints(found) : '')
      const ignored = findIgnoredEndpoints(handMade)
      tell('EndpointIgnored', ignored.length > 0 ? describeIgnoredEndpoints(ignored) : '')
      return Promise.resolve(undefined)
    },
  }
}

function isHandMade({ metadata }: EndpointSlice): boolean {
  return metadata.labels?.[MANAGED_BY] !== MANAGER
}

/** Equal where a change of a Service makes no other address virtual. */
function addressesOf(service: Service | undefined): string {
  const { clusterIPs, clusterIP, externalIPs } = service?.spec ?? {}
  return JSON.stringify([clusterIPs ?? clusterIP, externalIPs, service?.status?.loadBalancer])
}
