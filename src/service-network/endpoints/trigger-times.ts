import type { Pod, Service } from '#api/core.ts'

/** The annotation of a slice. */
export const TRIGGER_TIME = 'endpoints.kubernetes.io/last-change-trigger-time'

/** Remembers what of a Service was seen, to date the changes that were not. */
export interface TriggerTimes {
  /** When the first change happened that this look is the first to see; `undefined` where nothing dates it. */
  observe(service: Service, pods: readonly Pod[]): string | undefined
  forget(service: Pick<Service, 'metadata'>): void
}

/** @see kubernetes/endpointslice trigger_time_tracker.go */
export function createTriggerTimes(): TriggerTimes {
  const seen = new Map<string, ReadonlyMap<string, string>>()
  return {
    observe(service, pods) {
      const uid = service.metadata.uid ?? ''
      const before = seen.get(uid)
      const now = new Map(pods.map((pod) => [pod.metadata.uid ?? '', readyChangedAt(pod)]))
      seen.set(uid, now)
      const changed = [...now]
        .filter(([pod, at]) => at !== '' && at !== before?.get(pod))
        .map(([, at]) => at)
      const created = before ? [] : [service.metadata.creationTimestamp ?? '']
      return [...changed, ...created].filter((at) => at !== '').toSorted()[0]
    },
    forget(service) {
      seen.delete(service.metadata.uid ?? '')
    },
  }
}

function readyChangedAt({ status }: Pod): string {
  return status?.conditions?.find(({ type }) => type === 'Ready')?.lastTransitionTime ?? ''
}
