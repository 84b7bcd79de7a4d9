import type { Service } from '#api/core.ts'
import * as resources from '#api/resources.ts'
import { type API, APIStatusError } from '#client/api.ts'
import { type Controller, formatKey } from '#client/controller.ts'
import type { EventRecorder } from '#client/event-recorder.ts'
import type { WriteThroughInformer } from '#client/informer.ts'
import type { IP } from '#ip/ip.ts'
import type { AddressPool } from './address-pool.ts'
import { type Assignment, planAddresses } from './plan-addresses.ts'

export interface AllocatorDeps {
  readonly api: API
  readonly services: WriteThroughInformer<Service>
  readonly events: EventRecorder
}

const ALL = { name: 'services' }

/** Gives Services of type LoadBalancer addresses of the pools. Events in MetalLB's words, which people search for. */
export function loadBalancerAllocator(
  { api, services, events }: AllocatorDeps,
  pools: readonly AddressPool[],
): Controller {
  /** What each Service was told last, so that a refusal is not repeated with every change elsewhere. */
  const told = new Map<string, string>()

  async function write({ service, addresses }: Assignment): Promise<void> {
    const ingress = addresses.map((ip) => ({ ip, ipMode: 'VIP' as const }))
    const status = { ...service.status, loadBalancer: ingress.length > 0 ? { ingress } : {} }
    try {
      services.remember(await api.update(resources.services, { ...service, status }, 'status'))
    } catch (error) {
      if (error instanceof APIStatusError && error.code === 404) return
      throw error
    }
    if (addresses.length === 0) return
    events.event(service, 'Normal', 'IPAllocated', `Assigned IP ${formatAddresses(addresses)}`)
    told.delete(service.metadata.uid ?? '')
  }

  return {
    name: 'load-balancer-allocator',
    informers: [services],
    start(enqueue) {
      // One key for all: every assignment depends on all others.
      return services.subscribe(({ type, object, previous }) => {
        if (type === 'deleted') told.delete(object.metadata.uid ?? '')
        if (isConcerned(object) || (previous && isConcerned(previous))) enqueue(ALL)
      })
    },
    async reconcile() {
      const plan = planAddresses(services.list(), pools)
      for (const { service, why } of plan.refuse) {
        const { uid = '' } = service.metadata
        if (told.get(uid) === why) continue
        told.set(uid, why)
        const key = formatKey(service.metadata)
        events.event(
          service,
          'Warning',
          'AllocationFailed',
          `Failed to allocate IP for "${key}": ${why}`,
        )
      }
      for (const assignment of plan.assign) await write(assignment)
      return undefined
    },
  }
}

/** As Go prints strings (%q). */
function formatAddresses(addresses: readonly IP[]): string {
  return `[${addresses.map((address) => `"${address}"`).join(' ')}]`
}

function isConcerned({ spec, status }: Service): boolean {
  return spec.type === 'LoadBalancer' || (status?.loadBalancer?.ingress ?? []).length > 0
}
