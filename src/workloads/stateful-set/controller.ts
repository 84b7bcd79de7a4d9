import type { ControllerRevision, StatefulSet } from '#api/apps.ts'
import type { Pod } from '#api/core.ts'
import { equalJSON } from '#api/json.ts'
import * as resources from '#api/resources.ts'
import { matchesSelector } from '#api/selectors.ts'
import type { API } from '#client/api.ts'
import { type Controller, isAlreadyExists, isNamespaceGone } from '#client/controller.ts'
import type { EventRecorder } from '#client/event-recorder.ts'
import type { WriteThroughInformer } from '#client/informer.ts'
import { applyClaims, planClaims } from '../claims.ts'
import { type History, historyKeeper } from '../history/keep-history.ts'
import { templateOf } from '../history/revisions.ts'
import { controllerOf, controllerReference } from '../ownership.ts'
import { planStatefulSet, revisionOf, type StatefulPlan } from './plan.ts'
import { planStatus } from './plan-status.ts'
import { claimsOf, ordinalOf, statefulPod } from './pod.ts'

export interface StatefulSetDeps {
  readonly api: API
  readonly statefulSets: WriteThroughInformer<StatefulSet>
  readonly pods: WriteThroughInformer<Pod>
  readonly revisions: WriteThroughInformer<ControllerRevision>
  readonly events: EventRecorder
  readonly now?: () => number
}

/** Keeps the numbered pods of each StatefulSet. */
export function statefulSetController(deps: StatefulSetDeps): Controller {
  const { api, statefulSets, pods, revisions, events, now = Date.now } = deps
  const history = historyKeeper({
    api,
    revisions,
    resource: resources.statefulSets,
    hashLabel: 'controller.kubernetes.io/hash',
  })

  async function makeClaims(set: StatefulSet, pod: string): Promise<void> {
    for (const claim of claimsOf(set, pod)) {
      const what = `Claim ${claim.metadata.name} Pod ${pod} in StatefulSet ${set.metadata.name}`
      if (await api.get(resources.persistentVolumeClaims, claim.metadata)) continue
      try {
        await api.create(resources.persistentVolumeClaims, claim)
        events.event(set, 'Normal', 'SuccessfulCreate', `create ${what} success`)
      } catch (error) {
        if (isAlreadyExists(error)) continue
        const message = `create ${what} failed error: ${(error as Error).message}`
        events.event(set, 'Warning', 'FailedCreate', message)
        throw error
      }
    }
  }

  async function create(set: StatefulSet, plan: StatefulPlan['create'][number], kept: History) {
    const held = kept.all.find(({ metadata }) => metadata.name === set.status?.currentRevision)
    const revision = plan.isCurrent && held ? held : kept.update
    const pod = statefulPod(set, templateOf(revision), revision.metadata.name, plan.ordinal)
    const what = `Pod ${pod.metadata.name} in StatefulSet ${set.metadata.name}`
    await makeClaims(set, pod.metadata.name)
    try {
      pods.remember(await api.create(resources.pods, pod))
      events.event(set, 'Normal', 'SuccessfulCreate', `create ${what} successful`)
    } catch (error) {
      if (isNamespaceGone(error)) return
      const message = `create ${what} failed error: ${(error as Error).message}`
      events.event(set, 'Warning', 'FailedCreate', message)
      throw error
    }
  }

  async function remove(set: StatefulSet, { metadata }: Pod): Promise<void> {
    const { uid = '', name } = metadata
    const what = `Pod ${name} in StatefulSet ${set.metadata.name}`
    await api.delete(resources.pods, metadata, { preconditions: { uid } })
    events.event(set, 'Normal', 'SuccessfulDelete', `delete ${what} successful`)
  }

  /** A claim that its pod owns goes with it. */
  async function giveClaims(set: StatefulSet, pod: Pod): Promise<void> {
    if (set.spec.persistentVolumeClaimRetentionPolicy?.whenScaled !== 'Delete') return
    const { apiVersion, kind, name, uid } = controllerReference(resources.pods, pod)
    for (const { metadata } of claimsOf(set, pod.metadata.name)) {
      const claim = await api.get(resources.persistentVolumeClaims, metadata)
      if (!claim || claim.metadata.ownerReferences?.some((owner) => owner.uid === uid)) continue
      const ownerReferences = [{ apiVersion, kind, name, uid }]
      const given = { ...claim, metadata: { ...claim.metadata, ownerReferences } }
      await api.update(resources.persistentVolumeClaims, given)
    }
  }

  async function act(set: StatefulSet, plan: StatefulPlan, kept: History): Promise<void> {
    for (const each of plan.create) await create(set, each, kept)
    for (const pod of plan.condemned) await giveClaims(set, pod)
    for (const pod of plan.remove) await remove(set, pod)
  }

  function ownPods(set: StatefulSet): readonly Pod[] {
    return pods
      .select(set.metadata.namespace ?? '', {})
      .filter((pod) => controllerOf(pod)?.uid === set.metadata.uid)
  }

  async function setStatus(set: StatefulSet, kept: History, current: string): Promise<void> {
    const names = { current, update: kept.update.metadata.name }
    const status = planStatus(set, ownPods(set), names, kept.collisionCount, now())
    if (equalJSON(status, set.status)) return
    statefulSets.remember(await api.update(resources.statefulSets, { ...set, status }, 'status'))
  }

  return {
    name: 'statefulset',
    informers: [statefulSets, pods, revisions],
    start(enqueue) {
      const stops = [
        statefulSets.subscribe(({ object }) => enqueue(object.metadata)),
        pods.subscribe(({ object, previous }) => {
          for (const pod of previous ? [previous, object] : [object]) {
            for (const set of concerned(pod)) enqueue(set.metadata)
          }
        }),
      ]
      return () => stops.forEach((stop) => void stop())
    },
    async reconcile(key) {
      const set = statefulSets.get(key)
      if (!set) return
      try {
        const mine = pods
          .select(key.namespace ?? '', {})
          .filter((pod) => ordinalOf(set, pod) !== undefined)
        const claims = planClaims(set, mine)
        await applyClaims(api, resources.statefulSets, set, resources.pods, pods, claims)
        const kept = await history.keep(set)
        const update = kept.update.metadata.name
        const current = set.status?.currentRevision || update
        let againIn: number | undefined
        if (set.metadata.deletionTimestamp === undefined) {
          const plan = planStatefulSet(set, ownPods(set), { current, update }, now())
          againIn = plan.againIn
          await act(set, plan, kept)
        }
        await setStatus(set, kept, current)
        const live = new Set([current, update, ...ownPods(set).map(revisionOf)])
        await history.truncate(set, kept.all, live)
        return againIn
      } catch (error) {
        if (isNamespaceGone(error)) return
        throw error
      }
    },
  }

  function concerned(pod: Pod): readonly StatefulSet[] {
    const owner = controllerOf(pod)
    const candidates = statefulSets.select(pod.metadata.namespace ?? '', {})
    return owner
      ? candidates.filter(({ metadata }) => metadata.uid === owner.uid)
      : candidates.filter(({ spec }) => matchesSelector(spec.selector, pod.metadata.labels))
  }
}
