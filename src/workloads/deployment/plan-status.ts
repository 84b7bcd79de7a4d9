import type { Deployment, DeploymentStatus, ReplicaSet } from '#api/apps.ts'
import { findCondition, formatTime, removeCondition, setCondition } from '../conditions.ts'
import { resolveBounds } from './rolling-update.ts'

type DeploymentCondition = NonNullable<DeploymentStatus['conditions']>[number]

export interface StatusPlan {
  readonly status: DeploymentStatus
  /** When the progress deadline passes, in milliseconds from now. */
  readonly againIn: number | undefined
}

/** Source of numbers, reasons and sentences: pkg/controller/deployment/{sync,progress}.go. */
export function planStatus(
  deployment: Deployment,
  newest: ReplicaSet | undefined,
  old: readonly ReplicaSet[],
  now: number,
): StatusPlan {
  const all = newest ? [newest, ...old] : old
  const counts = countReplicas(deployment, newest, all)
  const conditions = [planAvailable, planProgressing, planFailure].reduce(
    (conditions, plan) => plan({ deployment, newest, all, counts, now }, conditions),
    deployment.status?.conditions ?? [],
  )
  const { collisionCount } = deployment.status ?? {}
  const status: DeploymentStatus = {
    observedGeneration: deployment.metadata.generation ?? 0,
    ...Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0)),
    conditions,
    ...(collisionCount !== undefined && { collisionCount }),
  }
  return { status, againIn: deadlineIn(deployment, conditions, now) }
}

interface Counts {
  readonly replicas: number
  readonly updatedReplicas: number
  readonly readyReplicas: number
  readonly availableReplicas: number
  readonly unavailableReplicas: number
}

interface Situation {
  readonly deployment: Deployment
  readonly newest: ReplicaSet | undefined
  readonly all: readonly ReplicaSet[]
  readonly counts: Counts
  readonly now: number
}

type Conditions = readonly DeploymentCondition[]

function countReplicas(
  _: Deployment,
  newest: ReplicaSet | undefined,
  all: readonly ReplicaSet[],
): Counts {
  const sum = (count: (set: ReplicaSet) => number | undefined) =>
    all.reduce((total, set) => total + (count(set) ?? 0), 0)
  const availableReplicas = sum(({ status }) => status?.availableReplicas)
  return {
    replicas: sum(({ status }) => status?.replicas),
    updatedReplicas: newest?.status?.replicas ?? 0,
    readyReplicas: sum(({ status }) => status?.readyReplicas),
    availableReplicas,
    unavailableReplicas: Math.max(0, sum(({ spec }) => spec.replicas) - availableReplicas),
  }
}

function planAvailable({ deployment, counts, now }: Situation, conditions: Conditions): Conditions {
  const { replicas = 1 } = deployment.spec
  const isAvailable =
    counts.availableReplicas >= replicas - resolveBounds(deployment.spec).unavailable
  return stamp(
    conditions,
    isAvailable
      ? {
          type: 'Available',
          status: 'True',
          reason: 'MinimumReplicasAvailable',
          message: 'Deployment has minimum availability.',
        }
      : {
          type: 'Available',
          status: 'False',
          reason: 'MinimumReplicasUnavailable',
          message: 'Deployment does not have minimum availability.',
        },
    now,
  )
}

function planProgressing(situation: Situation, conditions: Conditions): Conditions {
  const { deployment, newest, counts, now } = situation
  const { paused, progressDeadlineSeconds } = deployment.spec
  if (progressDeadlineSeconds === undefined) return removeCondition(conditions, 'Progressing')
  const held = findCondition(conditions, 'Progressing')
  const set = (status: 'True' | 'False' | 'Unknown', reason: string, message: string) =>
    stamp(conditions, { type: 'Progressing', status, reason, message }, now)
  if (paused)
    return held?.reason === 'DeploymentPaused'
      ? conditions
      : set('Unknown', 'DeploymentPaused', 'Deployment is paused')
  if (held?.reason === 'DeploymentPaused')
    return set('Unknown', 'DeploymentResumed', 'Deployment is resumed')
  const who = newest
    ? `ReplicaSet "${newest.metadata.name}"`
    : `Deployment "${deployment.metadata.name}"`
  const wasComplete =
    held?.reason === 'NewReplicaSetAvailable' && counts.replicas === counts.updatedReplicas
  if (wasComplete && held.message?.startsWith(who)) return conditions
  if (isComplete(deployment, counts))
    return set('True', 'NewReplicaSetAvailable', `${who} has successfully progressed.`)
  if (!held)
    return set('True', 'NewReplicaSetCreated', `Created new replica set "${newest?.metadata.name}"`)
  if (hasProgressed(deployment.status, counts))
    return set('True', 'ReplicaSetUpdated', `${who} is progressing.`)
  if (isOverdue(deployment, held, now))
    return set('False', 'ProgressDeadlineExceeded', `${who} has timed out progressing.`)
  // A new template after a finished rollout begins a new one.
  return held.reason === 'NewReplicaSetAvailable'
    ? set('True', 'ReplicaSetUpdated', `${who} is progressing.`)
    : conditions
}

function planFailure({ all, now }: Situation, conditions: Conditions): Conditions {
  const failure = all
    .map(({ status }) => findCondition(status?.conditions, 'ReplicaFailure'))
    .find((found) => found !== undefined)
  if (!failure) return removeCondition(conditions, 'ReplicaFailure')
  const { reason = '', message = '' } = failure
  return stamp(conditions, { type: 'ReplicaFailure', status: 'True', reason, message }, now)
}

export function isComplete(
  { spec }: Deployment,
  counts: Omit<Counts, 'readyReplicas' | 'unavailableReplicas'>,
): boolean {
  const { replicas = 1 } = spec
  return (
    counts.updatedReplicas === replicas &&
    counts.replicas === replicas &&
    counts.availableReplicas === replicas
  )
}

function hasProgressed(before: DeploymentStatus | undefined, now: Counts): boolean {
  const {
    replicas = 0,
    updatedReplicas = 0,
    readyReplicas = 0,
    availableReplicas = 0,
  } = before ?? {}
  return (
    now.updatedReplicas > updatedReplicas ||
    now.replicas - now.updatedReplicas < replicas - updatedReplicas ||
    now.readyReplicas > readyReplicas ||
    now.availableReplicas > availableReplicas
  )
}

function deadlineOf(
  { spec }: Deployment,
  { lastUpdateTime, lastTransitionTime }: DeploymentCondition,
): number {
  return (
    Date.parse(lastUpdateTime ?? lastTransitionTime ?? '') +
    (spec.progressDeadlineSeconds ?? 600) * 1000
  )
}

function isOverdue(deployment: Deployment, held: DeploymentCondition, now: number): boolean {
  return (
    held.reason === 'ProgressDeadlineExceeded' ||
    (held.reason !== 'NewReplicaSetAvailable' && deadlineOf(deployment, held) < now)
  )
}

function deadlineIn(
  deployment: Deployment,
  conditions: Conditions,
  now: number,
): number | undefined {
  const held = findCondition(conditions, 'Progressing')
  if (held?.status !== 'True' || held.reason === 'NewReplicaSetAvailable') return undefined
  return Math.max(0, deadlineOf(deployment, held) - now) + 1_000
}

/** Sets a condition; an unchanged one keeps its times, so that nothing is written for it. */
function stamp(conditions: Conditions, condition: DeploymentCondition, now: number): Conditions {
  const held = findCondition(conditions, condition.type)
  const isProgress = condition.reason === 'ReplicaSetUpdated'
  if (
    held &&
    held.status === condition.status &&
    held.reason === condition.reason &&
    held.message === condition.message &&
    !isProgress
  ) {
    return conditions
  }
  return setCondition(conditions, { ...condition, lastUpdateTime: formatTime(now) }, now)
}
