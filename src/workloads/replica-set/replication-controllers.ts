import type { ReplicaSet } from '#api/apps.ts'
import type { ReplicationController } from '#api/replication.ts'
import { replicationControllers } from '#api/resources.ts'
import type { API } from '#client/api.ts'
import type { Controller } from '#client/controller.ts'
import type { WriteThroughInformer } from '#client/informer.ts'
import { type ReplicaSetDeps, replicaSetController } from './controller.ts'

export interface ReplicationControllerDeps extends Pick<ReplicaSetDeps, 'pods' | 'events' | 'now'> {
  readonly api: API
  readonly controllers: WriteThroughInformer<ReplicationController>
}

/** The older kind is a ReplicaSet whose selector knows equality only: one controller does for both, as upstream. */
export function replicationManager(deps: ReplicationControllerDeps): Controller {
  const { controllers, api, ...rest } = deps
  return replicaSetController({
    ...rest,
    resource: replicationControllers,
    replicaSets: asReplicaSets(controllers),
    api: {
      ...api,
      async update(resource, object, subresource) {
        if (resource.plural !== replicationControllers.plural)
          return api.update(resource, object, subresource)
        const { spec, ...others } = object as unknown as ReplicaSet
        const stored = { ...others, spec: fromReplicaSet(spec) } as ReplicationController
        const written = await api.update(replicationControllers, stored, subresource)
        return toReplicaSet(written) as never // what the caller passed
      },
    },
  })
}

function asReplicaSets(
  controllers: WriteThroughInformer<ReplicationController>,
): WriteThroughInformer<ReplicaSet> {
  const optional = (object: ReplicationController | undefined) => object && toReplicaSet(object)
  return {
    synced: controllers.synced,
    list: () => controllers.list().map(toReplicaSet),
    get: (key) => optional(controllers.get(key)),
    select: (namespace, labels) => controllers.select(namespace, labels).map(toReplicaSet),
    subscribe: (listener) =>
      controllers.subscribe(({ type, object, previous }) =>
        listener({
          type,
          object: toReplicaSet(object),
          ...(previous ? { previous: toReplicaSet(previous) } : {}),
        }),
      ),
    remember: ({ spec, ...others }) =>
      controllers.remember({ ...others, spec: fromReplicaSet(spec) } as ReplicationController),
  }
}

function toReplicaSet({ spec, ...others }: ReplicationController): ReplicaSet {
  const { selector = {}, ...rest } = spec ?? {}
  return { ...others, spec: { ...rest, selector: { matchLabels: selector } } } as ReplicaSet
}

function fromReplicaSet({ selector, ...rest }: ReplicaSet['spec']): ReplicationController['spec'] {
  return { ...rest, selector: selector.matchLabels ?? {} }
}
