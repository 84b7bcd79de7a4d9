import type { ReplicaSet } from '#api/apps.ts'
import type { Pod } from '#api/core.ts'
import type { Resource } from '#api/resources.ts'
import * as resources from '#api/resources.ts'
import { matchesSelector } from '#api/selectors.ts'
import type { API } from '#client/api.ts'
import { type Controller, isNamespaceGone } from '#client/controller.ts'
import type { EventRecorder } from '#client/event-recorder.ts'
import type { WriteThroughInformer } from '#client/informer.ts'
import { applyClaims, planClaims } from '../claims.ts'
import { controllerOf } from '../ownership.ts'
import { podFromTemplate } from '../pod-from-template.ts'
import { isActive } from '../pod-state.ts'
import { planReplicas } from './plan-replicas.ts'
import { isSameStatus, planStatus } from './plan-status.ts'

export interface ReplicaSetDeps {
  readonly api: API
  readonly replicaSets: WriteThroughInformer<ReplicaSet>
  /** What the sets are stored as: ReplicaSets, unless replication-controllers.ts shows others as such. */
  readonly resource?: Resource
  readonly pods: WriteThroughInformer<Pod>
  readonly events: EventRecorder
  readonly now?: () => number
}

type Failure = {
  readonly reason: 'FailedCreate' | 'FailedDelete'
  readonly message: string
  readonly cause: unknown
}

/** Keeps as many pods of each ReplicaSet as it asks for. */
export function replicaSetController({
  api,
  replicaSets,
  pods,
  events,
  resource = resources.replicaSets,
  now = Date.now,
}: ReplicaSetDeps): Controller {
  /** Pods that were deleted, but still look active here: a pod must not be counted, nor another one chosen in its place. */
  const deleted = new Set<string>()

  async function create(replicaSet: ReplicaSet, count: number): Promise<Failure | undefined> {
    // Slow start: where one create fails (a quota, a bad template), hundreds would.
    for (let made = 0, batch = 1; made < count; made += batch, batch *= 2) {
      const results = await Promise.allSettled(
        Array.from({ length: Math.min(batch, count - made) }, async () => {
          const pod = await api.create(
            resources.pods,
            podFromTemplate(resource, replicaSet, replicaSet.spec.template),
          )
          pods.remember(pod)
          events.event(
            replicaSet,
            'Normal',
            'SuccessfulCreate',
            `Created pod: ${pod.metadata.name}`,
          )
        }),
      )
      const failed = results.find((result) => result.status === 'rejected')
      if (!failed) continue
      if (isNamespaceGone(failed.reason)) return
      const message = `Error creating: ${messageOf(failed.reason)}`
      events.event(replicaSet, 'Warning', 'FailedCreate', message)
      return { reason: 'FailedCreate', message: messageOf(failed.reason), cause: failed.reason }
    }
    return
  }

  async function remove(
    replicaSet: ReplicaSet,
    victims: readonly Pod[],
  ): Promise<Failure | undefined> {
    const results = await Promise.allSettled(
      victims.map(async ({ metadata: { uid = '', name, ...key } }) => {
        deleted.add(uid)
        try {
          await api.delete(resources.pods, { ...key, name }, { preconditions: { uid } })
          events.event(replicaSet, 'Normal', 'SuccessfulDelete', `Deleted pod: ${name}`)
        } catch (error) {
          deleted.delete(uid)
          throw error
        }
      }),
    )
    const failed = results.find((result) => result.status === 'rejected')
    if (!failed) return
    events.event(
      replicaSet,
      'Warning',
      'FailedDelete',
      `Error deleting: ${messageOf(failed.reason)}`,
    )
    return { reason: 'FailedDelete', message: messageOf(failed.reason), cause: failed.reason }
  }

  /** The active pods of all sets of the same workload. */
  function related(replicaSet: ReplicaSet, inNamespace: readonly Pod[]): readonly Pod[] {
    const owner = controllerOf(replicaSet)?.uid
    const siblings = replicaSets
      .select(replicaSet.metadata.namespace ?? '', {})
      .filter((other) => owner !== undefined && controllerOf(other)?.uid === owner)
    const uids = new Set([replicaSet, ...siblings].map(({ metadata }) => metadata.uid))
    return inNamespace.filter((pod) => isActive(pod) && uids.has(controllerOf(pod)?.uid))
  }

  async function setStatus(
    replicaSet: ReplicaSet,
    owned: readonly Pod[],
    failure: Failure | undefined,
  ) {
    const told = failure && { reason: failure.reason, message: failure.message }
    const { status, againIn } = planStatus(replicaSet, owned, told, now())
    if (!isSameStatus(replicaSet.status, status)) {
      replicaSets.remember(
        await api.update(resource as Resource<ReplicaSet>, { ...replicaSet, status }, 'status'),
      )
    }
    return againIn
  }

  return {
    name: resource.kind.toLowerCase(),
    informers: [replicaSets, pods],
    start(enqueue) {
      const stops = [
        replicaSets.subscribe(({ object }) => enqueue(object.metadata)),
        pods.subscribe(({ type, object, previous }) => {
          if (type === 'deleted' || !isActive(object)) deleted.delete(object.metadata.uid ?? '')
          for (const pod of previous ? [previous, object] : [object]) {
            for (const replicaSet of concerned(pod)) enqueue(replicaSet.metadata)
          }
        }),
      ]
      return () => stops.forEach((stop) => void stop())
    },
    async reconcile(key) {
      const replicaSet = replicaSets.get(key)
      if (!replicaSet) return
      const inNamespace = pods.select(key.namespace ?? '', {})
      const claims = planClaims(
        replicaSet,
        inNamespace.filter((pod) => isActive(pod) && !deleted.has(pod.metadata.uid ?? '')),
      )
      const owned = await applyClaims(api, resource, replicaSet, resources.pods, pods, claims)
      let failure: Failure | undefined
      if (replicaSet.metadata.deletionTimestamp === undefined) {
        const plan = planReplicas(replicaSet, owned, related(replicaSet, inNamespace), now())
        failure = (await create(replicaSet, plan.create)) ?? (await remove(replicaSet, plan.remove))
      }
      const againIn = await setStatus(replicaSet, owned, failure)
      if (failure) throw failure.cause
      return againIn
    },
  }

  function concerned(pod: Pod): readonly ReplicaSet[] {
    const owner = controllerOf(pod)
    const candidates = replicaSets.select(pod.metadata.namespace ?? '', {})
    return owner
      ? candidates.filter(({ metadata }) => metadata.uid === owner.uid)
      : candidates.filter(({ spec }) => matchesSelector(spec.selector, pod.metadata.labels))
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
