import { isDeepStrictEqual } from 'node:util'
import { type Family, familyOf } from '#ip/ip.ts'
import type { IPVS } from '#kernel/ipvs/ipvs.ts'
import { IPVS_FLAG, type IPVSDestination } from '#wire/netlink/ipvs.ts'
import type { Draining } from './draining.ts'
import { destinationKey, serviceKey, type VirtualService } from './plan-ipvs.ts'

export type VirtualServices = ReadonlyMap<string, VirtualService>

/** The virtual services of one family as the kernel has them: all are taken for ours, as kube-proxy does. */
export function readServices(ipvs: IPVS, family: Family): VirtualServices {
  const found = ipvs.services().filter(({ ip }) => familyOf(ip) === family)
  return new Map(
    found.map((service) => {
      const destinations = ipvs
        .destinations(service)
        .map(
          ({ ip, port, weight }) => [destinationKey({ ip, port }), { ip, port, weight }] as const,
        )
      const flags = service.flags & ~IPVS_FLAG.hashed
      // Without persistence the kernel keeps a timeout that means nothing.
      const timeout = flags & IPVS_FLAG.persistent ? service.timeout : 0
      return [
        serviceKey(service),
        { service: { ...service, flags, timeout }, destinations: new Map(destinations) },
      ]
    }),
  )
}

/** Brings the kernel from `held` to `wanted`: first what is new, then what is to go. Returns how many calls that took. */
export function applyServices(
  ipvs: IPVS,
  draining: Draining,
  held: VirtualServices,
  wanted: VirtualServices,
): number {
  let changes = 0
  for (const [key, { service, destinations }] of wanted) {
    const before = held.get(key)
    if (!before) ipvs.addService(service)
    else if (!isDeepStrictEqual(before.service, service)) ipvs.setService(service)
    else if (before.destinations === destinations) continue
    if (!before || !isDeepStrictEqual(before.service, service)) changes++
    for (const destination of destinations.values()) {
      const had = before?.destinations.get(destinationKey(destination))
      if (!had) addDestination(ipvs, draining, service, destination)
      else if (had.weight !== destination.weight) ipvs.setDestination(service, destination)
      else continue
      changes++
    }
    for (const [other, destination] of before?.destinations ?? []) {
      if (destinations.has(other)) continue
      draining.begin(service, destination)
      changes++
    }
  }
  for (const [key, { service }] of held) {
    if (wanted.has(key)) continue
    draining.forget(service)
    ipvs.deleteService(service)
    changes++
  }
  return changes
}

function addDestination(
  ipvs: IPVS,
  draining: Draining,
  service: VirtualService['service'],
  destination: IPVSDestination,
): void {
  if (!draining.takeBack(service, destination)) ipvs.addDestination(service, destination)
}
