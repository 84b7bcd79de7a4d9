import type { Deployment, ReplicaSet } from '#api/apps.ts'
import type { Pod } from '#api/core.ts'
import { equalJSON } from '#api/json.ts'
import * as resources from '#api/resources.ts'
import { matchesSelector } from '#api/selectors.ts'
import { type Controller, isNamespaceGone } from '#client/controller.ts'
import type { WriteThroughInformer } from '#client/informer.ts'
import { applyClaims, planClaims } from '../claims.ts'
import { controllerOf } from '../ownership.ts'
import { isFinished } from '../pod-state.ts'
import { nextRevision, REVISION, revisionOf } from './plan-replica-set.ts'
import { planSizes } from './plan-sizes.ts'
import { isComplete, planStatus } from './plan-status.ts'
import { type ReplicaSetWriterDeps, replicaSetWriter } from './replica-sets.ts'
import { byAge, findNewest } from './template.ts'

export interface DeploymentDeps extends ReplicaSetWriterDeps {
  readonly pods: WriteThroughInformer<Pod>
  readonly now?: () => number
}

/** Moves each Deployment's pods from the replica sets of earlier templates to that of the present one. */
export function deploymentController(deps: DeploymentDeps): Controller {
  const { api, deployments, replicaSets, pods, now = Date.now } = deps
  const write = replicaSetWriter(deps)

  async function setStatus(
    { metadata }: Deployment,
    newest: ReplicaSet | undefined,
    old: readonly ReplicaSet[],
  ) {
    const deployment = deployments.get(metadata) // as the writes above left it
    // A newer wish has not been looked at: a status now would claim that it was.
    if (!deployment || deployment.metadata.generation !== metadata.generation) return
    const { status, againIn } = planStatus(deployment, newest, old, now())
    if (!equalJSON(status, deployment.status)) {
      deployments.remember(
        await api.update(resources.deployments, { ...deployment, status }, 'status'),
      )
    }
    return againIn
  }

  async function setRevision({ metadata }: Deployment, newest: ReplicaSet) {
    const revision = String(revisionOf(newest))
    if (metadata.annotations?.[REVISION] === revision) return
    const patch = { metadata: { annotations: { [REVISION]: revision } } }
    deployments.remember(await api.patch(resources.deployments, metadata, 'merge', patch))
  }

  /** Deletes the oldest of the emptied replica sets beyond what `kubectl rollout undo` shall find. */
  async function clean({ spec }: Deployment, old: readonly ReplicaSet[]) {
    const empty = old.filter(
      ({ metadata, spec, status }) =>
        spec.replicas === 0 &&
        (status?.replicas ?? 0) === 0 &&
        metadata.deletionTimestamp === undefined &&
        (status?.observedGeneration ?? 0) >= (metadata.generation ?? 0),
    )
    const surplus = Math.max(0, empty.length - (spec.revisionHistoryLimit ?? 10))
    for (const { metadata } of empty
      .toSorted((a, b) => revisionOf(a) - revisionOf(b))
      .slice(0, surplus)) {
      const { uid } = metadata
      await api.delete(
        resources.replicaSets,
        metadata,
        uid === undefined ? {} : { preconditions: { uid } },
      )
    }
  }

  /** Whether pods of earlier templates are still there, if only to terminate: Recreate waits for them. */
  function oldPodsRun({ metadata }: Deployment, old: readonly ReplicaSet[]): boolean {
    const uids = new Set(old.map(({ metadata }) => metadata.uid))
    return pods
      .select(metadata.namespace ?? '', {})
      .some((pod) => uids.has(controllerOf(pod)?.uid) && !isFinished(pod))
  }

  async function roll(
    deployment: Deployment,
    found: ReplicaSet | undefined,
    old: readonly ReplicaSet[],
  ) {
    const isHeld = deployment.spec.paused === true
    let newest = found
    if (!isHeld) {
      const waits =
        deployment.spec.strategy?.type === 'Recreate' &&
        (old.some(isSized) || oldPodsRun(deployment, old))
      const revision = nextRevision(old)
      if (newest) newest = await write.refresh(deployment, newest, revision)
      else if (!waits) newest = await write.create(deployment, revision)
      if (!newest && !waits) return { newest, old }
      if (newest) await setRevision(deployment, newest)
    }
    const sizes = planSizes(deployment, newest, old, { oldPodsRun: oldPodsRun(deployment, old) })
    const resized = async (set: ReplicaSet) => {
      const size = sizes.get(set.metadata.name)
      return size === undefined ? set : write.resize(deployment, set, size)
    }
    return { newest: newest && (await resized(newest)), old: await Array.fromAsync(old, resized) }
  }

  return {
    name: 'deployment',
    informers: [deployments, replicaSets, pods],
    start(enqueue) {
      const stops = [
        deployments.subscribe(({ object }) => enqueue(object.metadata)),
        replicaSets.subscribe(({ object, previous }) => {
          for (const set of previous ? [previous, object] : [object]) {
            for (const deployment of concerned(set)) enqueue(deployment.metadata)
          }
        }),
        pods.subscribe(({ type, object }) => {
          const owner = controllerOf(object)
          if (type !== 'deleted' || owner?.kind !== 'ReplicaSet') return
          const set = replicaSets.get({ ...object.metadata, name: owner.name })
          for (const deployment of set ? concerned(set) : []) enqueue(deployment.metadata)
        }),
      ]
      return () => stops.forEach((stop) => void stop())
    },
    async reconcile(key) {
      const deployment = deployments.get(key)
      if (!deployment) return
      try {
        const claims = planClaims(deployment, replicaSets.select(key.namespace ?? '', {}))
        const owned = await applyClaims(
          api,
          resources.deployments,
          deployment,
          resources.replicaSets,
          replicaSets,
          claims,
        )
        const found = findNewest(deployment, owned)
        const others = byAge(owned.filter((set) => set !== found))
        if (deployment.metadata.deletionTimestamp !== undefined)
          return await setStatus(deployment, found, others)
        const { newest, old } = await roll(deployment, found, others)
        const againIn = await setStatus(deployment, newest, old)
        const { status } = deployments.get(key) ?? deployment
        const { replicas = 0, updatedReplicas = 0, availableReplicas = 0 } = status ?? {}
        if (isComplete(deployment, { replicas, updatedReplicas, availableReplicas }))
          await clean(deployment, old)
        return againIn
      } catch (error) {
        if (isNamespaceGone(error)) return
        throw error
      }
    },
  }

  function concerned(set: ReplicaSet): readonly Deployment[] {
    const owner = controllerOf(set)
    const candidates = deployments.select(set.metadata.namespace ?? '', {})
    return owner
      ? candidates.filter(({ metadata }) => metadata.uid === owner.uid)
      : candidates.filter(({ spec }) => matchesSelector(spec.selector, set.metadata.labels))
  }
}

function isSized({ spec }: ReplicaSet): boolean {
  return (spec.replicas ?? 0) > 0
}
