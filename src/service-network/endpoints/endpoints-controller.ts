import type { Endpoints, Pod, Service } from '#api/core.ts'
import * as resources from '#api/resources.ts'
import type { API } from '#client/api.ts'
import { type Controller, formatKey, isNamespaceGone } from '#client/controller.ts'
import type { Informer, WriteThroughInformer } from '#client/informer.ts'
import { ENDPOINTS_MANAGED_BY, planEndpoints } from './plan-endpoints.ts'
import { hasSelector } from './pod-endpoints.ts'
import { enqueueServicesOfPods } from './service-index.ts'
import { createTriggerTimes } from './trigger-times.ts'

export interface EndpointsControllerDeps {
  readonly api: API
  readonly services: Informer<Service>
  readonly pods: Informer<Pod>
  readonly endpoints: WriteThroughInformer<Endpoints>
}

/** Keeps the legacy Endpoints object of each Service equal to its pods. */
export function endpointsController({
  api,
  services,
  pods,
  endpoints,
}: EndpointsControllerDeps): Controller {
  const times = createTriggerTimes()
  /** Services that were deleted under our eyes: their Endpoints go also where somebody made them by hand. */
  const orphaned = new Set<string>()
  return {
    name: 'endpoints',
    informers: [services, pods, endpoints],
    start(enqueue) {
      const stops = [
        services.subscribe(({ type, object }) => {
          if (type === 'deleted') {
            times.forget(object)
            orphaned.add(formatKey(object.metadata))
          } else orphaned.delete(formatKey(object.metadata))
          enqueue(object.metadata)
        }),
        enqueueServicesOfPods(pods, services, enqueue),
        endpoints.subscribe(({ object: { metadata } }) => {
          if (metadata.labels?.[ENDPOINTS_MANAGED_BY] !== undefined) enqueue(metadata)
        }),
      ]
      return () => stops.forEach((stop) => void stop())
    },
    async reconcile(key) {
      const service = services.get(key)
      const held = endpoints.get(key)
      if (!service) {
        // Endpoints are named like their Service and have no owner reference: nobody else would delete them. A Service that is made anew
        // must not find those of its predecessor (registry/core/service/storage/storage.go, afterDelete).
        const isOurs = held?.metadata.labels?.[ENDPOINTS_MANAGED_BY] !== undefined
        if (held && (isOurs || orphaned.has(formatKey(key))))
          await api.delete(resources.endpoints, key)
        orphaned.delete(formatKey(key))
        return undefined
      }
      if (!hasSelector(service)) return undefined
      const selected = pods.select(key.namespace ?? '', service.spec.selector ?? {})
      const wanted = planEndpoints(service, selected, held, times.observe(service, selected))
      if (!wanted) return undefined
      try {
        const write = held
          ? api.update(resources.endpoints, wanted)
          : api.create(resources.endpoints, wanted)
        endpoints.remember(await write)
      } catch (error) {
        if (!isNamespaceGone(error)) throw error
      }
      return undefined
    },
  }
}
