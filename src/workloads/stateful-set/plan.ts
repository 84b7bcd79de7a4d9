import type { StatefulSet } from '#api/apps.ts'
import type { Pod } from '#api/core.ts'
import { REVISION_LABEL } from '../history/revisions.ts'
import { availableIn, isFinished } from '../pod-state.ts'
import { ordinalOf } from './pod.ts'

/** What to do now; pods that must be ready first make a pass end early. */
export interface StatefulPlan {
  /** Ordinals of pods to make, and whether of the template before. */
  readonly create: readonly { readonly ordinal: number; readonly isCurrent: boolean }[]
  readonly remove: readonly Pod[]
  /** Removed because the set is smaller now: their claims may go too. */
  readonly condemned: readonly Pod[]
  /** A ready pod becomes available without any event, in so many milliseconds. */
  readonly againIn?: number
}

interface Revisions {
  readonly current: string
  readonly update: string
}

const isTerminating = ({ metadata }: Pod) => metadata.deletionTimestamp !== undefined
const isReady = (pod: Pod) => pod.status?.phase === 'Running' && availableIn(pod, 0, 0) === 0
const isHealthy = (pod: Pod) => isReady(pod) && !isTerminating(pod)
export const revisionOf = ({ metadata }: Pod) => metadata.labels?.[REVISION_LABEL] ?? ''

/** The pods of the set by ordinal: those that shall be, and those beyond, the last first. */
export function sortPods(set: StatefulSet, pods: readonly Pod[]) {
  const { replicas = 1, ordinals } = set.spec
  const first = ordinals?.start ?? 0
  const numbered = pods.flatMap((pod) => {
    const ordinal = ordinalOf(set, pod)
    return ordinal === undefined ? [] : [{ pod, ordinal }]
  })
  const byOrdinal = new Map(numbered.map(({ pod, ordinal }) => [ordinal, pod]))
  return {
    wanted: Array.from({ length: replicas }, (_, index) => ({
      ordinal: first + index,
      pod: byOrdinal.get(first + index),
    })),
    condemned: numbered
      .filter(({ ordinal }) => ordinal < first || ordinal >= first + replicas)
      .toSorted((a, b) => b.ordinal - a.ordinal)
      .map(({ pod }) => pod),
  }
}

/**
 * One pass of a StatefulSet: pods are made in order, each once those before it are ready and available (OrderedReady),
 * removed from the end, and then replaced from the end, one by one.
 *
 * @see pkg/controller/statefulset/stateful_set_control.go, updateStatefulSet
 */
export function planStatefulSet(
  set: StatefulSet,
  pods: readonly Pod[],
  revisions: Revisions,
  now: number,
): StatefulPlan {
  const { wanted, condemned } = sortPods(set, pods)
  const isOrdered = set.spec.podManagementPolicy !== 'Parallel'
  const create: { ordinal: number; isCurrent: boolean }[] = []
  const remove: Pod[] = []
  const done = (againIn?: number, gone: readonly Pod[] = []): StatefulPlan => ({
    create,
    remove,
    condemned: gone,
    ...(againIn === undefined ? {} : { againIn }),
  })
  for (const { ordinal, pod } of wanted) {
    if (!pod) create.push({ ordinal, isCurrent: isOfCurrent(set, ordinal) })
    // It comes anew when it is gone.
    else if (isFinished(pod) && !isTerminating(pod)) remove.push(pod)
    else {
      const wait = waitFor(set, pod, now)
      if (isOrdered && (isTerminating(pod) || wait === undefined || wait > 0)) return done(wait)
      continue
    }
    if (isOrdered) return done()
  }
  const gone = planCondemned(set, wanted, condemned, isOrdered, now)
  if (gone.length > 0 || (isOrdered && condemned.length > 0)) {
    remove.push(...gone)
    return done(undefined, gone)
  }
  const old = planUpdate(set, wanted, revisions)
  if (old) remove.push(old)
  return done()
}

/** Milliseconds until the pod is available; undefined while it is not ready. */
const waitFor = (set: StatefulSet, pod: Pod, now: number) =>
  pod.status?.phase === 'Running' ? availableIn(pod, set.spec.minReadySeconds ?? 0, now) : undefined

type Wanted = ReturnType<typeof sortPods>['wanted']

function planCondemned(
  set: StatefulSet,
  wanted: Wanted,
  condemned: readonly Pod[],
  isOrdered: boolean,
  now: number,
): readonly Pod[] {
  if (!isOrdered) return condemned.filter((pod) => !isTerminating(pod))
  const [last] = condemned
  if (!last || isTerminating(last)) return []
  const all = [...wanted.flatMap(({ pod }) => (pod ? [pod] : [])), ...condemned.toReversed()]
  const firstUnhealthy = all.find((pod) => !isHealthy(pod))
  const isSettled = waitFor(set, last, now) === 0
  return isSettled || last === firstUnhealthy ? [last] : []
}

/** A pod that is missing below the partition is made of the template before. */
function isOfCurrent({ spec, status }: StatefulSet, ordinal: number): boolean {
  const { type, rollingUpdate } = spec.updateStrategy ?? {}
  if (type !== 'RollingUpdate') return false
  const first = spec.ordinals?.start ?? 0
  const bound = rollingUpdate ? (rollingUpdate.partition ?? 0) : (status?.currentReplicas ?? 0)
  return ordinal < first + bound
}

/** The pod to replace next, from the end down to the partition; none while one that was replaced is not healthy. */
function planUpdate({ spec }: StatefulSet, wanted: Wanted, { update }: Revisions): Pod | undefined {
  if (spec.updateStrategy?.type === 'OnDelete') return undefined
  const from = (spec.ordinals?.start ?? 0) + (spec.updateStrategy?.rollingUpdate?.partition ?? 0)
  for (const { ordinal, pod } of wanted.toReversed()) {
    if (ordinal < from || !pod) continue
    if (revisionOf(pod) !== update && !isTerminating(pod)) return pod
    if (!isHealthy(pod)) return undefined
  }
  return undefined
}
