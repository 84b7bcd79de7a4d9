import type { Pod } from '../core.ts'
import type { ResourceQuota } from '../limits.ts'
import type { KubernetesObject } from '../meta.ts'
import { pods, type Resource } from '../resources.ts'
import {
  type Amounts,
  add,
  nanosOf,
  parseAmounts,
  pick,
  printAmounts,
  subtract,
  withoutZeros,
} from './amounts.ts'
import { concerns } from './scopes.ts'
import { computeUsage, isTakenBy, usageOf } from './usage.ts'

/** A write that takes from quotas: `old` for an update. */
export interface Demand {
  readonly resource: Resource
  readonly object: KubernetesObject
  readonly old?: KubernetesObject
}

/** By the uid of the quota. */
export type Shares = ReadonlyMap<string, Amounts>

export type Verdict =
  | { readonly shares: Shares; readonly refusal?: never }
  | { readonly refusal: string; readonly shares?: never }

/**
 * What a write takes of each quota of its namespace, or why it may not, in upstream's words.
 *
 * @param used What is taken of each quota already; absent means what its status says
 * Source: apiserver admission/plugin/resourcequota/controller.go, CheckRequest.
 */
export function planCharge(
  demand: Demand,
  quotas: readonly ResourceQuota[],
  used: Shares,
  now: number,
): Verdict {
  const shares = new Map<string, Amounts>()
  const { resource, object } = demand
  const matching = quotas.filter((quota) => concerns(quota, resource, object))
  for (const quota of matching) {
    const refusal = findUnstated(quota, demand)
    if (refusal) return { refusal }
  }
  for (const quota of matching) {
    const { name, uid = '' } = quota.metadata
    const hard = parseAmounts(quota.status?.hard)
    const taken = used.get(uid) ?? parseAmounts(quota.status?.used)
    const asked = pick(withoutZeros(increase(demand, quota, now)), Object.keys(hard))
    const after = add(taken, asked)
    const over = Object.keys(asked).filter((key) => nanosOf(after, key) > nanosOf(hard, key))
    if (over.length > 0) {
      const [requested, before, limited] = [asked, taken, hard].map((all) =>
        printAmounts(pick(all, over)),
      )
      const words = `requested: ${requested}, used: ${before}, limited: ${limited}`
      return { refusal: `exceeded quota: ${name}, ${words}` }
    }
    if (Object.keys(asked).length > 0) shares.set(uid, asked)
  }
  return { shares }
}

/** What goes back to each quota when `object` is gone, or has become `next`. */
export function planRelease(
  { resource, object }: Demand,
  next: KubernetesObject | undefined,
  quotas: readonly ResourceQuota[],
  now: number,
): Shares {
  const shares = new Map<string, Amounts>()
  for (const quota of quotas) {
    if (!concerns(quota, resource, object)) continue
    const before = usageOf(resource, object, now)
    const after = next && concerns(quota, resource, next) ? usageOf(resource, next, now) : undefined
    const freed = withoutZeros(after ? subtract(before, after) : before)
    const share = pick(freed, Object.keys(quota.status?.hard ?? {}))
    if (Object.keys(share).length > 0) shares.set(quota.metadata.uid ?? '', share)
  }
  return shares
}

/** All that a new object takes; for a changed one, what it takes more. */
function increase({ resource, object, old }: Demand, quota: ResourceQuota, now: number): Amounts {
  const usage = usageOf(resource, object, now)
  return old && concerns(quota, resource, old)
    ? subtract(usage, usageOf(resource, old, now))
    : usage
}

const MUST_BE_STATED = /^(requests\.|limits\.)?(cpu|memory)$/

function findUnstated(quota: ResourceQuota, { resource, object }: Demand): string | undefined {
  const names = Object.keys(quota.status?.hard ?? {}).filter((name) => isTakenBy(resource, name))
  const { name } = quota.metadata
  const isOfPod = resource.group === '' && resource.plural === pods.plural
  const why = isOfPod ? findMissing(object as Pod, names) : undefined
  if (why) return `failed quota: ${name}: must specify ${why}`
  const { used = {} } = quota.status ?? {}
  if (names.every((each) => Object.hasOwn(used, each))) return undefined
  return `status unknown for quota: ${name}, resources: ${names.toSorted().join(',')}`
}

/** `cpu for: c1,c2; memory for: c1`: every container must say what a quota bounds (pods.go, Constraints). */
function findMissing({ spec }: Pod, names: readonly string[]): string | undefined {
  const whole = spec.resources
  if (Object.keys({ ...whole?.requests, ...whole?.limits }).length > 0) return undefined
  const required = names.filter((name) => MUST_BE_STATED.test(name)).toSorted()
  const stated = [...spec.containers, ...(spec.initContainers ?? [])].map(
    ({ name, resources }) => ({
      name,
      says: computeUsage(parseAmounts(resources?.requests), parseAmounts(resources?.limits)),
    }),
  )
  const missing = required.flatMap((name) => {
    const silent = stated.filter(({ says }) => !Object.hasOwn(says, name))
    return silent.length === 0
      ? []
      : [
          `${name} for: ${silent
            .map((container) => container.name)
            .toSorted()
            .join(',')}`,
        ]
  })
  return missing.length === 0 ? undefined : missing.join('; ')
}
