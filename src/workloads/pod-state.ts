import type { Pod } from '#api/core.ts'
import { findCondition } from './conditions.ts'

/** Neither finished nor on its way out. */
export function isActive({ metadata, status }: Pod): boolean {
  return metadata.deletionTimestamp === undefined && !isFinished({ status })
}

export function isFinished({ status }: Pick<Pod, 'status'> | { status: Pod['status'] }): boolean {
  return status?.phase === 'Succeeded' || status?.phase === 'Failed'
}

/** When the pod became ready, in milliseconds since 1970; `undefined` while it is not. */
export function readySince({ status }: Pod): number | undefined {
  const condition = findCondition(status?.conditions, 'Ready')
  if (condition?.status !== 'True') return undefined
  return condition.lastTransitionTime === undefined ? 0 : Date.parse(condition.lastTransitionTime)
}

/** How long until the pod has been ready for `minReadySeconds`: 0 where it has; `undefined` while it is not ready. */
export function availableIn(pod: Pod, minReadySeconds: number, now: number): number | undefined {
  const since = readySince(pod)
  if (since === undefined) return undefined
  return minReadySeconds === 0 ? 0 : Math.max(0, since + minReadySeconds * 1000 - now)
}
