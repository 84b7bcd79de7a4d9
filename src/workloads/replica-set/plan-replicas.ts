import type { ReplicaSet } from '#api/apps.ts'
import type { Pod } from '#api/core.ts'
import { rankForDeletion } from './rank-for-deletion.ts'

export interface ReplicaPlan {
  /** How many pods to make. */
  readonly create: number
  /** The pods to delete. */
  readonly remove: readonly Pod[]
}

/** Upstream's bound on what one pass changes (BurstReplicas). */
const BURST = 500

/** @param pods The set's active pods. @param related Those of the whole workload. */
export function planReplicas(
  { spec }: ReplicaSet,
  pods: readonly Pod[],
  related: readonly Pod[],
  now: number,
): ReplicaPlan {
  const surplus = pods.length - (spec.replicas ?? 1)
  if (surplus <= 0) return { create: Math.min(BURST, -surplus), remove: [] }
  return {
    create: 0,
    remove: rankForDeletion(pods, related, now).slice(0, Math.min(BURST, surplus)),
  }
}
