/** Source: registry/core/service/portallocator/controller/repair.go, v1.36; claims instead of its bitmap. */
import type { Service } from '#api/core.ts'
import { heldPorts } from '../allocate-ports.ts'
import { type Claim, isClaimedBy, ownerOf } from '../claims.ts'
import { formatPortRange, isInPortRange, type PortRange } from '../port-pool.ts'
import { ageOf, GRACE_MS, type Step, type StoredState } from './step.ts'

/** Each node port of the Service must have a claim that says so. */
export function planPortRepair(service: Service, state: StoredState, range: PortRange): Step[] {
  return heldPorts(service).flatMap((port): Step[] => {
    if (!isInPortRange(range, port)) {
      const message = `Port ${port} is not within the port range ${formatPortRange(range)}; please recreate service`
      return [event(service, 'PortOutOfRange', message)]
    }
    const claim = state.claim(String(port))
    if (!claim) {
      return [
        event(service, 'PortNotAllocated', `Port ${port} is not allocated; repairing`),
        { kind: 'create', name: String(port), service },
      ]
    }
    if (isClaimedBy(claim, ownerOf(service))) return []
    const other = state.service(claim.spec.parentRef)
    if (!other || !heldPorts(other).includes(port)) return [{ kind: 'recreate', claim, service }]
    const message = `Port ${port} was assigned to multiple services; please recreate service`
    return [event(service, 'PortAlreadyAllocated', message)]
  })
}

/** A claim that no Service has any use for goes, once no request can be about to use it. */
export function planClaimRepair(claim: Claim, state: StoredState, now: number): Step[] {
  const service = state.service(claim.spec.parentRef)
  const isUsed = service && heldPorts(service).includes(Number(claim.metadata.name))
  return isUsed || ageOf(claim, now) <= GRACE_MS ? [] : [{ kind: 'delete', claim }]
}

const event = (object: Service, reason: string, message: string): Step => ({
  kind: 'event',
  object,
  reason,
  action: 'PortAllocation',
  message,
})
