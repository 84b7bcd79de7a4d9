import type { Deployment, ReplicaSet } from '#api/apps.ts'
import { equalJSON } from '#api/json.ts'
import * as resources from '#api/resources.ts'
import type { API } from '#client/api.ts'
import { isAlreadyExists } from '#client/controller.ts'
import type { EventRecorder } from '#client/event-recorder.ts'
import type { WriteThroughInformer } from '#client/informer.ts'
import { isControlledBy } from '../ownership.ts'
import { makeReplicaSet, planAnnotations, planSizeAnnotations } from './plan-replica-set.ts'
import { isSameTemplate } from './template.ts'

export interface ReplicaSetWriterDeps {
  readonly api: API
  readonly deployments: WriteThroughInformer<Deployment>
  readonly replicaSets: WriteThroughInformer<ReplicaSet>
  readonly events: EventRecorder
}

/** The writes that the Deployment controller makes to replica sets. */
export function replicaSetWriter({ api, deployments, replicaSets, events }: ReplicaSetWriterDeps) {
  async function save(replicaSet: ReplicaSet): Promise<ReplicaSet> {
    const written = await api.update(resources.replicaSets, replicaSet)
    replicaSets.remember(written)
    return written
  }

  return {
    /** Makes the newest replica set, of no pods. `undefined` where its name was taken: the next try uses another. */
    async create(deployment: Deployment, revision: number): Promise<ReplicaSet | undefined> {
      const wanted = makeReplicaSet(deployment, revision)
      try {
        const made = await api.create(resources.replicaSets, wanted)
        replicaSets.remember(made)
        return made
      } catch (error) {
        if (!isAlreadyExists(error)) throw error
      }
      const existing = await api.get(resources.replicaSets, wanted.metadata)
      if (!existing) return undefined
      if (
        isControlledBy(existing, deployment) &&
        isSameTemplate(existing.spec.template, deployment.spec.template)
      ) {
        replicaSets.remember(existing)
        return existing
      }
      const status = {
        ...deployment.status,
        collisionCount: (deployment.status?.collisionCount ?? 0) + 1,
      }
      deployments.remember(
        await api.update(resources.deployments, { ...deployment, status }, 'status'),
      )
      return undefined
    },

    /** Brings annotations and minReadySeconds of the newest replica set up to date. */
    async refresh(
      deployment: Deployment,
      newest: ReplicaSet,
      revision: number,
    ): Promise<ReplicaSet> {
      const annotations = planAnnotations(deployment, newest, revision)
      const { minReadySeconds = 0 } = deployment.spec
      const isCurrent =
        equalJSON(annotations, newest.metadata.annotations ?? {}) &&
        minReadySeconds === (newest.spec.minReadySeconds ?? 0)
      if (isCurrent) return newest
      return save({
        ...newest,
        metadata: { ...newest.metadata, annotations },
        spec: { ...newest.spec, minReadySeconds },
      })
    },

    async resize(
      deployment: Deployment,
      replicaSet: ReplicaSet,
      replicas: number,
    ): Promise<ReplicaSet> {
      const before = replicaSet.spec.replicas ?? 0
      const annotations = { ...replicaSet.metadata.annotations, ...planSizeAnnotations(deployment) }
      const metadata = { ...replicaSet.metadata, annotations }
      const written = await save({
        ...replicaSet,
        metadata,
        spec: { ...replicaSet.spec, replicas },
      })
      const direction = replicas > before ? 'up' : 'down'
      const message = `Scaled ${direction} replica set ${replicaSet.metadata.name} from ${before} to ${replicas}`
      events.event(deployment, 'Normal', 'ScalingReplicaSet', message)
      return written
    },
  }
}
