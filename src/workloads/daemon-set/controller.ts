import type { ControllerRevision, DaemonSet } from '#api/apps.ts'
import type { Node, Pod } from '#api/core.ts'
import { equalJSON } from '#api/json.ts'
import * as resources from '#api/resources.ts'
import { matchesSelector } from '#api/selectors.ts'
import type { API } from '#client/api.ts'
import { type Controller, isNamespaceGone } from '#client/controller.ts'
import type { EventRecorder } from '#client/event-recorder.ts'
import type { Informer, WriteThroughInformer } from '#client/informer.ts'
import { applyClaims, planClaims } from '../claims.ts'
import { historyKeeper } from '../history/keep-history.ts'
import { REVISION_LABEL } from '../history/revisions.ts'
import { controllerOf } from '../ownership.ts'
import { planDaemonSet, planStatus } from './plan.ts'
import { daemonPod } from './pod.ts'

export interface DaemonSetDeps {
  readonly api: API
  readonly daemonSets: WriteThroughInformer<DaemonSet>
  readonly pods: WriteThroughInformer<Pod>
  readonly nodes: Informer<Node>
  readonly revisions: WriteThroughInformer<ControllerRevision>
  readonly events: EventRecorder
  readonly now?: () => number
}

/** Keeps one pod of each DaemonSet on every node that it wants. */
export function daemonSetController(deps: DaemonSetDeps): Controller {
  const { api, daemonSets, pods, nodes, revisions, events, now = Date.now } = deps
  const history = historyKeeper({
    api,
    revisions,
    resource: resources.daemonSets,
    hashLabel: REVISION_LABEL,
  })

  async function create(set: DaemonSet, node: string, hash: string): Promise<void> {
    try {
      const pod = await api.create(resources.pods, daemonPod(set, node, hash))
      pods.remember(pod)
      events.event(set, 'Normal', 'SuccessfulCreate', `Created pod: ${pod.metadata.name}`)
    } catch (error) {
      if (isNamespaceGone(error)) return
      events.event(set, 'Warning', 'FailedCreate', `Error creating: ${(error as Error).message}`)
      throw error
    }
  }

  async function remove(set: DaemonSet, { metadata, status }: Pod): Promise<void> {
    const { uid = '', name, namespace = '' } = metadata
    if (status?.phase === 'Failed') {
      const message = `Found failed daemon pod ${namespace}/${name} on node, will try to kill it`
      events.event(set, 'Warning', 'FailedDaemonPod', message)
    }
    if (await api.delete(resources.pods, metadata, { preconditions: { uid } }))
      events.event(set, 'Normal', 'SuccessfulDelete', `Deleted pod: ${name}`)
  }

  function ownPods(set: DaemonSet): readonly Pod[] {
    return pods
      .select(set.metadata.namespace ?? '', {})
      .filter((pod) => controllerOf(pod)?.uid === set.metadata.uid)
  }

  async function setStatus(set: DaemonSet, hash: string, collisionCount: number): Promise<void> {
    const status = planStatus(set, nodes.list(), ownPods(set), hash, collisionCount, now())
    if (equalJSON(status, set.status)) return
    daemonSets.remember(await api.update(resources.daemonSets, { ...set, status }, 'status'))
  }

  return {
    name: 'daemonset',
    informers: [daemonSets, pods, nodes, revisions],
    start(enqueue) {
      const all = () => {
        for (const set of daemonSets.list()) enqueue(set.metadata)
      }
      const stops = [
        daemonSets.subscribe(({ object }) => enqueue(object.metadata)),
        nodes.subscribe(({ object, previous }) => {
          if (!previous || fingerprint(previous) !== fingerprint(object)) all()
        }),
        pods.subscribe(({ object, previous }) => {
          for (const pod of previous ? [previous, object] : [object]) {
            for (const set of concerned(pod)) enqueue(set.metadata)
          }
        }),
      ]
      return () => stops.forEach((stop) => void stop())
    },
    async reconcile(key) {
      const set = daemonSets.get(key)
      if (!set) return
      try {
        const claims = planClaims(set, pods.select(key.namespace ?? '', {}))
        await applyClaims(api, resources.daemonSets, set, resources.pods, pods, claims)
        const kept = await history.keep(set)
        const hash = kept.update.metadata.labels?.[REVISION_LABEL] ?? ''
        let againIn: number | undefined
        if (set.metadata.deletionTimestamp === undefined) {
          const plan = planDaemonSet(set, nodes.list(), ownPods(set), hash, now())
          againIn = plan.againIn
          for (const node of plan.create) await create(set, node, hash)
          for (const pod of plan.remove) await remove(set, pod)
        }
        await setStatus(set, hash, kept.collisionCount)
        const hashes = new Set(
          ownPods(set).map(({ metadata }) => metadata.labels?.[REVISION_LABEL]),
        )
        const live = kept.all.filter(({ metadata }) =>
          hashes.has(metadata.labels?.[REVISION_LABEL]),
        )
        const names = [kept.update, ...live].map(({ metadata }) => metadata.name)
        await history.truncate(set, kept.all, new Set(names))
        return againIn
      } catch (error) {
        if (isNamespaceGone(error)) return
        throw error
      }
    },
  }

  function concerned(pod: Pod): readonly DaemonSet[] {
    const owner = controllerOf(pod)
    const candidates = daemonSets.select(pod.metadata.namespace ?? '', {})
    return owner
      ? candidates.filter(({ metadata }) => metadata.uid === owner.uid)
      : candidates.filter(({ spec }) => matchesSelector(spec.selector, pod.metadata.labels))
  }
}

/** What of a node decides who may run there. */
const fingerprint = ({ metadata, spec }: Node) => JSON.stringify([metadata.labels, spec?.taints])
