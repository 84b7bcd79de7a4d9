import { equalJSON } from '#api/json.ts'
import type { Condition } from '#api/meta.ts'
import type { ServiceCIDR } from '#api/networking.ts'
import { serviceCIDRs } from '#api/resources.ts'
import { DEFAULT_NAME } from './service-ranges.ts'
import type { StoredObjects } from './stored-objects.ts'

/** What there is to do about the ServiceCIDR `kubernetes`. */
export type DefaultPlan =
  | { readonly kind: 'create' | 'update'; readonly object: ServiceCIDR }
  /** Only to be told: the object says something else than the server was started with. */
  | { readonly kind: 'mismatch'; readonly message: string }
  | { readonly kind: 'fine' }

/**
 * Source: pkg/controlplane/controller/defaultservicecidr.
 *
 * @param cidrs `10.96.0.0/16`, or one network of each family, the default family's first.
 */
export function planDefaultServiceCIDR(
  held: ServiceCIDR | undefined,
  cidrs: readonly string[],
  now: string,
): DefaultPlan {
  if (!held) {
    const metadata = { name: DEFAULT_NAME, generation: 1 }
    const object = { metadata, spec: { cidrs }, status: { conditions: [readyCondition(now)] } }
    return { kind: 'create', object }
  }
  const stored = held.spec?.cidrs ?? []
  if (cidrs.length === 2 && stored.length === 1 && stored[0] === cidrs[0]) {
    return { kind: 'update', object: { ...held, spec: { cidrs } } }
  }
  if (held.metadata.deletionTimestamp !== undefined) return { kind: 'fine' }
  if (!equalJSON(stored, cidrs)) {
    const message = `The default ServiceCIDR [${stored.join(' ')}] does not match the controller flag configurations [${cidrs.join(' ')}]`
    return { kind: 'mismatch', message }
  }
  const conditions = held.status?.conditions ?? []
  const ready = conditions.find(({ type }) => type === 'Ready')
  if (ready && ready.status !== 'Unknown') return { kind: 'fine' }
  const others = conditions.filter(({ type }) => type !== 'Ready')
  return {
    kind: 'update',
    object: { ...held, status: { conditions: [...others, readyCondition(now)] } },
  }
}

const readyCondition = (now: string): Condition => ({
  type: 'Ready',
  status: 'True',
  lastTransitionTime: now,
  reason: '',
  message: 'Kubernetes default Service CIDR is ready',
})

/** Makes the ServiceCIDR `kubernetes` as it should be. @returns What people should know of it. */
export async function ensureDefaultServiceCIDR(
  stored: StoredObjects,
  cidrs: readonly string[],
): Promise<{ readonly object: ServiceCIDR; readonly message: string } | undefined> {
  const held = await stored.get(serviceCIDRs, { name: DEFAULT_NAME })
  const plan = planDefaultServiceCIDR(held, cidrs, `${new Date().toISOString().slice(0, 19)}Z`)
  switch (plan.kind) {
    case 'create':
      await stored.create(serviceCIDRs, plan.object)
      return undefined
    case 'update':
      await stored.update(serviceCIDRs, plan.object)
      return undefined
    case 'mismatch':
      return held && { object: held, message: plan.message }
    case 'fine':
      return undefined
  }
}
