import type { DeploymentSpec } from '#api/apps.ts'
import type { IntOrString } from '#api/core.ts'

export interface Bounds {
  /** Pods allowed beyond the wished number. */
  readonly surge: number
  /** Pods that may be missing. */
  readonly unavailable: number
}

/**
 * What a rollout may do at a time. A percentage of surge rounds up, one of unavailability down; where both come to
 * nothing one pod may be missing, or the rollout could not move.
 *
 * @see pkg/controller/deployment/util/deployment_util.go, ResolveFenceposts
 */
export function resolveBounds({
  replicas = 1,
  strategy,
}: Pick<DeploymentSpec, 'replicas' | 'strategy'>): Bounds {
  if (strategy?.type === 'Recreate') return { surge: 0, unavailable: 0 }
  const { maxSurge = '25%', maxUnavailable = '25%' } = strategy?.rollingUpdate ?? {}
  const surge = resolve(maxSurge, replicas, Math.ceil)
  const unavailable = resolve(maxUnavailable, replicas, Math.floor)
  return {
    surge,
    unavailable: surge === 0 && unavailable === 0 ? 1 : Math.min(unavailable, replicas),
  }
}

function resolve(value: IntOrString, total: number, round: (value: number) => number): number {
  if (typeof value === 'number') return value
  const percent = /^(\d{1,4})%$/.exec(value)?.[1]
  return percent === undefined ? 0 : round((Number(percent) * total) / 100)
}

/** A replica set as the rollout sees it. `name` tells them apart. */
export interface Generation {
  readonly name: string
  /** spec.replicas */
  readonly wanted: number
  /** status.availableReplicas */
  readonly available: number
}

/** New sizes by name, of those that change. */
export type Sizes = ReadonlyMap<string, number>

/**
 * One step of a rolling update: first the new set grows as far as the surge allows; else the old ones shrink as far as
 * enough pods stay available, the unhealthy first.
 *
 * @param old The replica sets of earlier templates, oldest first.
 * @see pkg/controller/deployment/rolling.go
 */
export function planRollingUpdate(
  replicas: number,
  bounds: Bounds,
  current: Generation,
  old: readonly Generation[],
): Sizes {
  const grown = planNewSize(replicas, bounds, current, old)
  if (grown !== current.wanted) return new Map([[current.name, grown]])
  const total = sum([current, ...old], ({ wanted }) => wanted)
  const minimum = replicas - bounds.unavailable
  const budget = total - minimum - Math.max(0, current.wanted - current.available)
  if (budget <= 0) return new Map()
  const cleaned = shrink(old, budget, ({ wanted, available }) => wanted - available)
  const after = old.map((set) => ({ ...set, wanted: cleaned.get(set.name) ?? set.wanted }))
  const spare = sum([current, ...old], ({ available }) => available) - minimum
  const shrunk = shrink(after, spare, ({ wanted }) => wanted)
  return new Map([...cleaned, ...shrunk])
}

function planNewSize(
  replicas: number,
  { surge }: Bounds,
  current: Generation,
  old: readonly Generation[],
): number {
  if (current.wanted >= replicas) return replicas
  const room = replicas + surge - sum([current, ...old], ({ wanted }) => wanted)
  return current.wanted + Math.max(0, Math.min(room, replicas - current.wanted))
}

/** Takes up to `budget` pods away, from each set at most `limit` of it. */
function shrink(
  sets: readonly Generation[],
  budget: number,
  limit: (set: Generation) => number,
): Map<string, number> {
  const sizes = new Map<string, number>()
  let left = budget
  for (const set of sets) {
    const taken = Math.min(left, Math.max(0, limit(set)), set.wanted)
    if (taken <= 0) continue
    sizes.set(set.name, set.wanted - taken)
    left -= taken
  }
  return sizes
}

function sum<T>(items: readonly T[], value: (item: T) => number): number {
  return items.reduce((total, item) => total + value(item), 0)
}
