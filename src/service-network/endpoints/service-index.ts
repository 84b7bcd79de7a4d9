import type { Pod, Service } from '#api/core.ts'
import { matchesLabels } from '#api/selectors.ts'
import type { ObjectKey } from '#client/api.ts'
import type { Informer } from '#client/informer.ts'
import { hasSelector } from './pod-endpoints.ts'

/** Enqueues the Services whose pods change: those that select the pod now or did before. */
export function enqueueServicesOfPods(
  pods: Informer<Pod>,
  services: Informer<Service>,
  enqueue: (key: ObjectKey) => void,
): () => void {
  return pods.subscribe(({ object, previous }) => {
    for (const service of services.select(object.metadata.namespace ?? '', {})) {
      const selects = (pod: Pod | undefined) =>
        pod !== undefined &&
        hasSelector(service) &&
        matchesLabels(service.spec.selector ?? {}, pod.metadata.labels)
      if (selects(object) || selects(previous)) enqueue(service.metadata)
    }
  })
}
