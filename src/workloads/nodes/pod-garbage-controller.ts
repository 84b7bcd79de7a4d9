import type { Node, Pod } from '#api/core.ts'
import * as resources from '#api/resources.ts'
import type { API } from '#client/api.ts'
import type { Controller } from '#client/controller.ts'
import type { Informer } from '#client/informer.ts'

export interface PodGarbageDeps {
  readonly api: API
  readonly nodes: Informer<Node>
  readonly pods: Informer<Pod>
}

/** Deletes pods that nobody can finish: bound to a node that is gone, or deleted before they had one. */
export function podGarbageController({ api, nodes, pods }: PodGarbageDeps): Controller {
  return {
    name: 'pod-garbage',
    informers: [nodes, pods],
    start(enqueue) {
      const stops = [
        pods.subscribe(({ type, object }) => {
          if (type !== 'deleted' && isSuspect(object)) enqueue(object.metadata)
        }),
        nodes.subscribe(({ type, object }) => {
          if (type !== 'deleted') return
          for (const pod of pods.list())
            if (pod.spec.nodeName === object.metadata.name) enqueue(pod.metadata)
        }),
      ]
      return () => stops.forEach((stop) => void stop())
    },
    async reconcile(key) {
      const pod = pods.get(key)
      if (!pod || !isSuspect(pod)) return undefined
      const { nodeName } = pod.spec
      // The node may be newer than our list of nodes: the API knows.
      if (nodeName && (await api.get(resources.nodes, { name: nodeName }))) return undefined
      const { uid } = pod.metadata
      await api.delete(resources.pods, key, {
        gracePeriodSeconds: 0,
        ...(uid !== undefined && { preconditions: { uid } }),
      })
      return undefined
    },
  }

  function isSuspect({ metadata, spec }: Pod): boolean {
    return spec.nodeName
      ? !nodes.get({ name: spec.nodeName })
      : metadata.deletionTimestamp !== undefined
  }
}
