import type { Node, Pod, Service } from '#api/core.ts'
import type { EndpointSlice } from '#api/discovery.ts'
import type { API } from '#client/api.ts'
import { type Controller, isNamespaceGone } from '#client/controller.ts'
import type { Informer, WriteThroughInformer } from '#client/informer.ts'
import { applySlices } from './apply-slices.ts'
import { MANAGER, planServiceSlices } from './plan-service-slices.ts'
import { MANAGED_BY, SERVICE_NAME } from './plan-slices.ts'
import { hasSelector } from './pod-endpoints.ts'
import { enqueueServicesOfPods } from './service-index.ts'
import { createTriggerTimes } from './trigger-times.ts'

export interface SliceControllerDeps {
  readonly api: API
  readonly services: Informer<Service>
  readonly pods: Informer<Pod>
  readonly nodes: Informer<Node>
  readonly slices: WriteThroughInformer<EndpointSlice>
}

/** Keeps each Service's EndpointSlices equal to its pods. */
export function endpointSliceController({
  api,
  services,
  pods,
  nodes,
  slices,
}: SliceControllerDeps): Controller {
  const times = createTriggerTimes()
  return {
    name: 'endpointslice',
    informers: [services, pods, nodes, slices],
    start(enqueue) {
      const stops = [
        services.subscribe(({ type, object }) => {
          if (type === 'deleted') times.forget(object)
          enqueue(object.metadata)
        }),
        enqueueServicesOfPods(pods, services, enqueue),
        slices.subscribe(({ object: { metadata } }) => {
          const name = metadata.labels?.[SERVICE_NAME]
          if (name !== undefined && metadata.labels?.[MANAGED_BY] === MANAGER)
            enqueue({ ...metadata, name })
        }),
        nodes.subscribe(({ object, previous }) => {
          if (zoneOf(object) !== zoneOf(previous))
            for (const { metadata } of services.list()) enqueue(metadata)
        }),
      ]
      return () => stops.forEach((stop) => void stop())
    },
    async reconcile(key) {
      const { namespace = '' } = key
      const service = services.get(key)
      // A Service that lost its selector keeps its slices, as upstream's does; a deleted one leaves them to the garbage collector.
      if (!service || !hasSelector(service)) return undefined
      const held = slices.select(namespace, { [SERVICE_NAME]: key.name, [MANAGED_BY]: MANAGER })
      const selected = pods.select(namespace, service.spec.selector ?? {})
      const plan = planServiceSlices({
        service,
        pods: selected,
        nodes: new Map(nodes.list().map((node) => [node.metadata.name, node])),
        held,
        triggerTime: times.observe(service, selected),
      })
      try {
        await applySlices(api, slices, plan)
      } catch (error) {
        if (!isNamespaceGone(error)) throw error
      }
      return undefined
    },
  }
}

function zoneOf(node: Node | undefined): string | undefined {
  return node?.metadata.labels?.['topology.kubernetes.io/zone']
}
