import type { Deployment, ReplicaSet } from '#api/apps.ts'
import { type Generation, planRollingUpdate, resolveBounds, type Sizes } from './rolling-update.ts'

/**
 * The next sizes of a Deployment's replica sets, by name, of those that change.
 *
 * Paused, only the set that holds the pods follows the Deployment's size. Recreate first empties the old sets, and
 * starts the new one when the last old pod is gone.
 *
 * @param old The replica sets of earlier templates, oldest first.
 */
export function planSizes(
  { spec }: Deployment,
  newest: ReplicaSet | undefined,
  old: readonly ReplicaSet[],
  { oldPodsRun }: { readonly oldPodsRun: boolean },
): Sizes {
  const { replicas = 1 } = spec
  if (spec.paused) {
    const sized = [...(newest ? [newest] : []), ...old].filter(
      ({ spec }) => (spec.replicas ?? 0) > 0,
    )
    const only = sized.length > 1 ? undefined : (sized[0] ?? newest ?? old.at(-1))
    return only ? resize([only], replicas) : new Map()
  }
  if (spec.strategy?.type === 'Recreate') {
    const emptied = resize(old, 0)
    if (emptied.size > 0 || oldPodsRun || !newest) return emptied
    return resize([newest], replicas)
  }
  return newest
    ? planRollingUpdate(replicas, resolveBounds(spec), generationOf(newest), old.map(generationOf))
    : new Map()
}

function resize(sets: readonly ReplicaSet[], replicas: number): Sizes {
  return new Map(
    sets
      .filter(({ spec }) => (spec.replicas ?? 0) !== replicas)
      .map(({ metadata }) => [metadata.name, replicas]),
  )
}

function generationOf({ metadata, spec, status }: ReplicaSet): Generation {
  return {
    name: metadata.name,
    wanted: spec.replicas ?? 0,
    available: status?.availableReplicas ?? 0,
  }
}
