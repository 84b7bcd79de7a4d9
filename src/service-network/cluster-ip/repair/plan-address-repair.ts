/** Source: registry/core/service/ipallocator/controller/repairip.go, v1.36. */
import type { Service } from '#api/core.ts'
import type { KubernetesObject } from '#api/meta.ts'
import type { CIDR } from '#ip/cidr.ts'
import { familyOf, type IP } from '#ip/ip.ts'
import { isUsableIn } from '../address-pool.ts'
import { heldAddresses } from '../allocate-addresses.ts'
import {
  type Claim,
  FAMILY_LABEL,
  isClaimedBy,
  isServiceReference,
  MANAGED_BY_LABEL,
  MANAGER,
  ownerOf,
} from '../claims.ts'
import { ageOf, GRACE_MS, type Step, type StoredState } from './step.ts'

/** How old an address must be that its Service does not name: the Service may be about to be refused. */
const TRANSACTION_MS = 5000

/** Each cluster IP of the Service must have an IPAddress that says so. */
export function planServiceRepair(
  service: Service,
  state: StoredState,
  networks: readonly CIDR[],
): Step[] {
  return heldAddresses(service).flatMap((address) => {
    const shown = `[IPv${familyOf(address)}]: ${address}`
    if (!networks.some((network) => isUsableIn(network, address))) {
      const message = `Cluster IP ${shown} is not within any configured Service CIDR; please recreate service`
      return [event(service, 'ClusterIPOutOfRange', message)]
    }
    const claim = state.claim(address)
    if (!claim) {
      const message = `Cluster IP ${shown} is not allocated; repairing`
      return [
        event(service, 'ClusterIPNotAllocated', message),
        { kind: 'create' as const, name: address, service },
      ]
    }
    return checkClaim(claim, address, service, state)
  })
}

function checkClaim(claim: Claim, address: IP, service: Service, state: StoredState): Step[] {
  const { namespace, name } = service.metadata
  const family = `[IPv${familyOf(address)}]`
  const recreate: Step = { kind: 'recreate', claim, service }
  const isOurs = isClaimedBy(claim, ownerOf(service))
  const other = state.service(claim.spec.parentRef)
  if (!isServiceReference(claim.spec.parentRef) || (!isOurs && !other)) {
    const message = `the ClusterIP ${family}: ${address} for Service ${namespace}/${name} has a wrong reference; repairing`
    return [event(service, 'ClusterIPNotAllocated', message), recreate]
  }
  if (!isOurs && other?.spec.clusterIPs?.includes(address)) {
    const message = `Cluster IP ${family}:${address} was assigned to multiple services; please recreate service`
    return [event(service, 'ClusterIPAlreadyAllocated', message)]
  }
  return isOurs && hasLabels(claim, address) ? [] : [recreate]
}

function hasLabels({ metadata: { labels = {} } }: Claim, address: IP): boolean {
  return labels[FAMILY_LABEL] === `IPv${familyOf(address)}` && labels[MANAGED_BY_LABEL] === MANAGER
}

/** Each IPAddress of the allocator must be a cluster IP of the Service that it names. */
export function planAddressRepair(claim: Claim, state: StoredState, now: number): Step[] {
  const { name, labels } = claim.metadata
  if (labels?.[MANAGED_BY_LABEL] !== MANAGER) return []
  const { parentRef } = claim.spec
  const remove = (reason: string, message: string): Step[] => [
    { kind: 'event', object: claim, reason, action: 'IPAddressAllocation', message },
    { kind: 'delete', claim },
  ]
  if (!isServiceReference(parentRef)) {
    const { group = '', resource = '', namespace = '', name: of = '' } = parentRef ?? {}
    const message = `IPAddress ${name} appears to have been modified, not referencing a Service &ParentReference{Group:${group},Resource:${resource},Namespace:${namespace},Name:${of},}: cleaning up`
    return remove('IPAddressNotAllocated', message)
  }
  const age = ageOf(claim, now)
  const service = state.service(parentRef)
  const shown = `IPAddress: ${name} for Service ${parentRef?.namespace}/${parentRef?.name}`
  if (!service) {
    if (age <= GRACE_MS) return []
    return remove('IPAddressNotAllocated', `${shown} appears to have leaked: cleaning up`)
  }
  if (service.spec.clusterIPs?.includes(name)) return []
  if (age < (service.spec.type === 'ExternalName' ? GRACE_MS : TRANSACTION_MS)) return []
  return remove('IPAddressWrongReference', `${shown} has a wrong reference; cleaning up`)
}

const event = (object: KubernetesObject, reason: string, message: string): Step => ({
  kind: 'event',
  object,
  reason,
  action: 'ClusterIPAllocation',
  message,
})
