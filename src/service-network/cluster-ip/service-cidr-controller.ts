import type { IPAddress, ServiceCIDR } from '#api/networking.ts'
import { serviceCIDRs } from '#api/resources.ts'
import type { API } from '#client/api.ts'
import type { Controller } from '#client/controller.ts'
import type { Informer } from '#client/informer.ts'
import { planServiceCIDR } from './plan-service-cidr.ts'

export interface ServiceCIDRControllerDeps {
  readonly api: API
  readonly serviceCIDRs: Informer<ServiceCIDR>
  readonly addresses: Informer<IPAddress>
}

/** Says of each ServiceCIDR that it is ready, and holds a deleted one while addresses need it. */
export function serviceCIDRController({
  api,
  serviceCIDRs: ranges,
  addresses,
}: ServiceCIDRControllerDeps): Controller {
  return {
    name: 'service-cidr',
    informers: [ranges, addresses],
    start(enqueue) {
      const all = () => {
        for (const { metadata } of ranges.list()) enqueue(metadata)
      }
      // A range that comes or goes may let another one go; an address that goes, too.
      const dying = () => {
        for (const { metadata } of ranges.list()) if (metadata.deletionTimestamp) enqueue(metadata)
      }
      const stops = [ranges.subscribe(all), addresses.subscribe(dying)]
      return () => stops.forEach((stop) => void stop())
    },
    async reconcile({ name }) {
      const object = ranges.get({ name })
      if (!object) return undefined
      const plan = planServiceCIDR(object, ranges.list(), addresses.list(), Date.now())
      switch (plan.kind) {
        case 'finalizers': {
          const metadata = { ...object.metadata, finalizers: plan.finalizers }
          await api.update(serviceCIDRs, { ...object, metadata })
          return undefined
        }
        case 'condition': {
          const others = (object.status?.conditions ?? []).filter(({ type }) => type !== 'Ready')
          const status = { conditions: [...others, plan.condition] }
          await api.update(serviceCIDRs, { ...object, status }, 'status')
          return undefined
        }
        case 'wait':
          return plan.milliseconds
        case 'fine':
          return undefined
      }
    },
  }
}
