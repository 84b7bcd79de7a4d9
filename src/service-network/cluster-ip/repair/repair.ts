import type { Service } from '#api/core.ts'
import { ipAddresses, type Resource, services } from '#api/resources.ts'
import type { CIDR } from '#ip/cidr.ts'
import { type Claim, newClaim, nodePortClaims, ownerOf } from '../claims.ts'
import type { PortRange } from '../port-pool.ts'
import type { StoredObjects } from '../stored-objects.ts'
import { planAddressRepair, planServiceRepair } from './plan-address-repair.ts'
import { planClaimRepair, planPortRepair } from './plan-port-repair.ts'
import { recordWarning } from './record-event.ts'
import type { Step, StoredState } from './step.ts'

const ADDRESS_COMPONENT = 'ipallocator-repair-controller'
const PORT_COMPONENT = 'portallocator-repair-controller'

export interface RepairOptions {
  readonly stored: StoredObjects
  readonly networks: () => readonly CIDR[]
  readonly nodePorts: PortRange
}

/** Makes the claims of addresses and node ports what the stored Services need, and says what was wrong. */
export async function repairClaims({ stored, networks, nodePorts }: RepairOptions): Promise<void> {
  await repairOne(stored, ipAddresses, ADDRESS_COMPONENT, {
    ofService: (service, state) => planServiceRepair(service, state, networks()),
    ofClaim: planAddressRepair,
  })
  await repairOne(stored, nodePortClaims, PORT_COMPONENT, {
    ofService: (service, state) => planPortRepair(service, state, nodePorts),
    ofClaim: planClaimRepair,
  })
}

interface Plans {
  ofService(service: Service, state: StoredState): Step[]
  ofClaim(claim: Claim, state: StoredState, now: number): Step[]
}

/** First what Services need, then what nobody does. */
async function repairOne(
  stored: StoredObjects,
  resource: Resource<Claim>,
  component: string,
  plans: Plans,
): Promise<void> {
  // Claims first: one made in between is then seen with its Service, or is young enough to be left alone.
  const claims = await stored.list(resource)
  const all = await stored.list(services)
  const before = stateOf(claims, all)
  const steps = all.flatMap((service) => plans.ofService(service, before))
  await take(stored, resource, component, steps)
  const mended = steps.length === 0 ? claims : await stored.list(resource)
  const after = stateOf(mended, all)
  const now = Date.now()
  await take(
    stored,
    resource,
    component,
    mended.flatMap((claim) => plans.ofClaim(claim, after, now)),
  )
}

/** A claim is gone: if its Service still needs it, that one alone is mended. */
export async function repairOwnerOf(
  lost: Claim,
  { stored, networks }: RepairOptions,
): Promise<void> {
  const { namespace, name } = lost.spec.parentRef ?? {}
  if (namespace === undefined || name === undefined) return
  const service = await stored.get(services, { namespace, name })
  if (!service) return
  const claims = (service.spec.clusterIPs ?? []).map((ip) => stored.get(ipAddresses, { name: ip }))
  const held = (await Promise.all(claims)).filter((claim) => claim !== undefined)
  const steps = planServiceRepair(service, stateOf(held, [service]), networks())
  await take(stored, ipAddresses, ADDRESS_COMPONENT, steps)
}

function stateOf(claims: readonly Claim[], all: readonly Service[]): StoredState {
  const byName = new Map(claims.map((claim) => [claim.metadata.name, claim]))
  const keyOf = (namespace = '', name = '') => `${namespace}/${name}`
  const byKey = new Map(
    all.map((service) => [keyOf(service.metadata.namespace, service.metadata.name), service]),
  )
  return {
    claim: (name) => byName.get(name),
    service: (reference) => byKey.get(keyOf(reference?.namespace, reference?.name)),
  }
}

async function take(
  stored: StoredObjects,
  resource: Resource<Claim>,
  component: string,
  steps: readonly Step[],
): Promise<void> {
  for (const step of steps) {
    switch (step.kind) {
      case 'event':
        await recordWarning(stored, component, step)
        break
      case 'create':
        await stored.create(resource, newClaim(resource, step.name, ownerOf(step.service)))
        break
      case 'recreate': {
        const claim = newClaim(resource, step.claim.metadata.name, ownerOf(step.service))
        if (await stored.delete(resource, step.claim)) await stored.create(resource, claim)
        break
      }
      case 'delete':
        await stored.delete(resource, step.claim)
        break
    }
  }
}
