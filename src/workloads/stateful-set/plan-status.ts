import type { StatefulSet, StatefulSetStatus } from '#api/apps.ts'
import type { Pod } from '#api/core.ts'
import { availableIn } from '../pod-state.ts'
import { revisionOf } from './plan.ts'

/** @param pods All that the set owns. */
export function planStatus(
  set: StatefulSet,
  pods: readonly Pod[],
  revisions: { readonly current: string; readonly update: string },
  collisionCount: number,
  now: number,
): StatefulSetStatus {
  const { metadata, spec, status } = set
  const staying = pods.filter((pod) => pod.metadata.deletionTimestamp === undefined)
  const waits = pods.map((pod) =>
    pod.status?.phase === 'Running' ? availableIn(pod, spec.minReadySeconds ?? 0, now) : undefined,
  )
  const readyReplicas = waits.filter((wait) => wait !== undefined).length
  const updatedReplicas = staying.filter((pod) => revisionOf(pod) === revisions.update).length
  const isRolled =
    spec.updateStrategy?.type !== 'OnDelete' &&
    updatedReplicas === pods.length &&
    readyReplicas === pods.length &&
    pods.length === (spec.replicas ?? 1)
  const current = isRolled ? revisions.update : revisions.current
  return {
    ...(status?.conditions ? { conditions: status.conditions } : {}),
    observedGeneration: metadata.generation ?? 0,
    replicas: pods.length,
    readyReplicas,
    availableReplicas: waits.filter((wait) => wait === 0).length,
    currentReplicas: staying.filter((pod) => revisionOf(pod) === current).length,
    updatedReplicas,
    currentRevision: current,
    updateRevision: revisions.update,
    collisionCount,
  }
}
