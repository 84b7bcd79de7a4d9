import type { IPVS } from '#kernel/ipvs/ipvs.ts'
import type { IPVSDestination, IPVSService } from '#wire/netlink/ipvs.ts'
import { destinationKey, serviceKey } from './plan-ipvs.ts'

/** A destination that gets nothing new, and goes when its connections have ended, or when its time is over. */
interface Drained {
  readonly service: IPVSService
  readonly destination: IPVSDestination
  readonly sinceMs: number
}

/** Destinations that are none any more (k/k pkg/proxy/ipvs/graceful_termination.go). */
export interface Draining {
  /** Lets a destination go: at once where nothing flows, else by a weight of 0. */
  begin(service: IPVSService, destination: IPVSDestination): void
  /** Whether a destination is going; if so it is taken back. */
  takeBack(service: IPVSService, destination: IPVSDestination): boolean
  /** Deletes those whose connections have ended. */
  reap(): void
  /** Its destinations are gone with it. */
  forget(service: IPVSService): void
  readonly size: number
}

export const MAX_DRAIN_MS = 15 * 60_000

export function createDraining(ipvs: IPVS, clock = () => performance.now()): Draining {
  const drained = new Map<string, Drained>()
  const keyOf = (service: IPVSService, destination: IPVSDestination) =>
    `${serviceKey(service)} ${destinationKey(destination)}`

  return {
    begin(service, destination) {
      const held = drained.get(keyOf(service, destination))
      if (held) return
      if (!flows(ipvs, service, destination)) {
        ipvs.deleteDestination(service, destination)
        return
      }
      ipvs.setDestination(service, { ...destination, weight: 0 })
      drained.set(keyOf(service, destination), { service, destination, sinceMs: clock() })
    },
    takeBack(service, destination) {
      if (!drained.delete(keyOf(service, destination))) return false
      ipvs.setDestination(service, destination)
      return true
    },
    reap() {
      for (const [key, { service, destination, sinceMs }] of drained) {
        const isOver = clock() - sinceMs >= MAX_DRAIN_MS
        if (!isOver && flows(ipvs, service, destination)) continue
        ipvs.deleteDestination(service, destination)
        drained.delete(key)
      }
    },
    forget(service) {
      for (const [key, one] of drained) {
        if (serviceKey(one.service) === serviceKey(service)) drained.delete(key)
      }
    },
    get size() {
      return drained.size
    },
  }
}

/** UDP has no connections that could end: what comes next goes elsewhere at once (`expire_nodest_conn`). */
function flows(ipvs: IPVS, service: IPVSService, destination: IPVSDestination): boolean {
  if (service.protocol === 'udp') return false
  const found = ipvs
    .destinations(service)
    .find((each) => destinationKey(each) === destinationKey(destination))
  return (found?.active ?? 0) + (found?.inactive ?? 0) > 0
}
