import type { Node, Pod, Service } from '#api/core.ts'
import type { EndpointSlice } from '#api/discovery.ts'
import type { API } from '#client/api.ts'
import { type Controller, isNamespaceGone } from '#client/controller.ts'
import type { EventRecorder } from '#client/event-recorder.ts'
import type { Informer, WriteThroughInformer } from '#client/informer.ts'
import { applySlices } from './apply-slices.ts'
import { wantsZoneHints } from './hints/plan-hints.ts'
import { ZONE_LABEL, type ZoneShares, zoneShares } from './hints/zone-shares.ts'
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
  readonly events: EventRecorder
}

/** A pod can be heard of before its node, and outlive it. */
const HOMELESS_RETRY_MS = 1000

/** Keeps each Service's EndpointSlices equal to its pods. */
export function endpointSliceController({
  api,
  services,
  pods,
  nodes,
  slices,
  events,
}: SliceControllerDeps): Controller {
  const times = createTriggerTimes()
  /** Services by uid that have hints by their annotation. */
  const zoneHinted = new Set<string>()
  let shares: ZoneShares | undefined
  return {
    name: 'endpointslice',
    informers: [services, pods, nodes, slices],
    start(enqueue) {
      const stops = [
        services.subscribe(({ type, object }) => {
          if (type === 'deleted') {
            times.forget(object)
            zoneHinted.delete(object.metadata.uid ?? '')
          }
          enqueue(object.metadata)
        }),
        enqueueServicesOfPods(pods, services, enqueue),
        slices.subscribe(({ object: { metadata } }) => {
          const name = metadata.labels?.[SERVICE_NAME]
          if (name !== undefined && metadata.labels?.[MANAGED_BY] === MANAGER)
            enqueue({ ...metadata, name })
        }),
        nodes.subscribe(({ type, object, previous }) => {
          const before = shares
          shares = zoneShares(nodes.list())
          const isMoved = type !== 'modified' || zoneOf(object) !== zoneOf(previous)
          const isShared = !isSameShares(shares, before)
          if (!isMoved && !isShared) return
          for (const service of services.list())
            if (isMoved || wantsZoneHints(service)) enqueue(service.metadata)
        }),
      ]
      shares = zoneShares(nodes.list())
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
        shares,
        hadZoneHints: zoneHinted.has(service.metadata.uid ?? ''),
      })
      try {
        await applySlices(api, slices, plan)
      } catch (error) {
        if (!isNamespaceGone(error)) throw error
        return undefined
      }
      if (plan.hasZoneHints) zoneHinted.add(service.metadata.uid ?? '')
      else zoneHinted.delete(service.metadata.uid ?? '')
      for (const { type, reason, message } of plan.events)
        events.event(service, type, reason, message)
      return plan.homeless.length > 0 ? HOMELESS_RETRY_MS : undefined
    },
  }
}

function zoneOf(node: Node | undefined): string | undefined {
  return node?.metadata.labels?.[ZONE_LABEL]
}

function isSameShares(a: ZoneShares | undefined, b: ZoneShares | undefined): boolean {
  return a?.size === b?.size && [...(a ?? [])].every(([zone, share]) => b?.get(zone) === share)
}
