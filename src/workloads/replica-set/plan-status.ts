import type { ReplicaSet } from '#api/apps.ts'
import type { Pod } from '#api/core.ts'
import { matchesLabels } from '#api/selectors.ts'
import { findCondition, removeCondition, setCondition } from '../conditions.ts'
import { availableIn } from '../pod-state.ts'

type ReplicaSetStatus = NonNullable<ReplicaSet['status']>

export interface StatusPlan {
  readonly status: ReplicaSetStatus
  /** When a ready pod becomes available without any further event, in milliseconds from now. */
  readonly againIn: number | undefined
}

/** @param failure What kept the last pass from making the pods equal to the wish. */
export function planStatus(
  { metadata, spec, status }: ReplicaSet,
  pods: readonly Pod[],
  failure:
    | { readonly reason: 'FailedCreate' | 'FailedDelete'; readonly message: string }
    | undefined,
  now: number,
): StatusPlan {
  const waits = pods
    .map((pod) => availableIn(pod, spec.minReadySeconds ?? 0, now))
    .filter((wait) => wait !== undefined)
  const waiting = waits.filter((wait) => wait > 0)
  const held = findCondition(status?.conditions, 'ReplicaFailure')
  const conditions = failure
    ? held?.reason === failure.reason
      ? (status?.conditions ?? []) // the first message stays: each try would name another pod
      : setCondition(
          status?.conditions,
          { type: 'ReplicaFailure', status: 'True', ...failure },
          now,
        )
    : removeCondition(status?.conditions, 'ReplicaFailure')
  return {
    status: {
      replicas: pods.length,
      fullyLabeledReplicas: pods.filter((pod) =>
        matchesLabels(spec.template?.metadata?.labels ?? {}, pod.metadata.labels),
      ).length,
      readyReplicas: waits.length,
      availableReplicas: waits.length - waiting.length,
      observedGeneration: metadata.generation ?? 0,
      ...(conditions.length > 0 && { conditions }),
    },
    againIn: waiting.length > 0 ? Math.min(...waiting) + 100 : undefined,
  }
}

/** Upstream leaves zero counts out of the object; both mean the same. */
export function isSameStatus(a: ReplicaSetStatus | undefined, b: ReplicaSetStatus): boolean {
  const essence = (status: ReplicaSetStatus | undefined) =>
    JSON.stringify([
      status?.replicas ?? -1,
      status?.fullyLabeledReplicas ?? 0,
      status?.readyReplicas ?? 0,
      status?.availableReplicas ?? 0,
      status?.observedGeneration ?? -1,
      (status?.conditions ?? []).map(({ type, status, reason }) => [type, status, reason]),
    ])
  return essence(a) === essence(b)
}
