import type { Endpoints, Service } from '#api/core.ts'
import type { EndpointSlice } from '#api/discovery.ts'
import type { API } from '#client/api.ts'
import { type Controller, isNamespaceGone } from '#client/controller.ts'
import type { EventRecorder } from '#client/event-recorder.ts'
import type { Informer, WriteThroughInformer } from '#client/informer.ts'
import { applySlices } from './apply-slices.ts'
import { MIRROR_MANAGER, planMirror } from './plan-mirror.ts'
import { MANAGED_BY, SERVICE_NAME } from './plan-slices.ts'

export interface MirrorDeps {
  readonly api: API
  readonly services: Informer<Service>
  readonly endpoints: Informer<Endpoints>
  readonly slices: WriteThroughInformer<EndpointSlice>
  readonly events: EventRecorder
}

/** Shows hand-made Endpoints of Services without selector as EndpointSlices, which is all that the proxy reads. */
export function endpointSliceMirroringController({
  api,
  services,
  endpoints,
  slices,
  events,
}: MirrorDeps): Controller {
  return {
    name: 'endpointslicemirroring',
    informers: [services, endpoints, slices],
    start(enqueue) {
      const stops = [
        services.subscribe(({ object }) => enqueue(object.metadata)),
        endpoints.subscribe(({ object }) => enqueue(object.metadata)),
        slices.subscribe(({ object: { metadata } }) => {
          const name = metadata.labels?.[SERVICE_NAME]
          if (name !== undefined && metadata.labels?.[MANAGED_BY] === MIRROR_MANAGER)
            enqueue({ ...metadata, name })
        }),
      ]
      return () => stops.forEach((stop) => void stop())
    },
    async reconcile(key) {
      const held = slices.select(key.namespace ?? '', {
        [SERVICE_NAME]: key.name,
        [MANAGED_BY]: MIRROR_MANAGER,
      })
      const source = endpoints.get(key)
      const plan = planMirror(services.get(key), source, held)
      for (const { reason, message } of source ? plan.warnings : [])
        events.event(source!, 'Warning', reason, message)
      try {
        await applySlices(api, slices, plan)
      } catch (error) {
        if (!isNamespaceGone(error)) throw error
      }
      return undefined
    },
  }
}
