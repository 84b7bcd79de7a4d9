import type { Pod } from '#api/core.ts'
import type { EventRecorder } from '#client/event-recorder.ts'

/** Says something about one container of a pod. */
export type SayOfContainer = (type: 'Normal' | 'Warning', reason: string, message: string) => void

/** Events that name the container, as `kubectl get events -o wide` shows it under SUBOBJECT. */
export function eventsOf(events: EventRecorder, pod: Pod, containerName: string): SayOfContainer {
  const fieldPath = containerFieldPath(pod, containerName)
  return (type, reason, message) => events.event(pod, type, reason, message, fieldPath)
}

/** As the kubelet writes it (pkg/kubelet/container/ref.go, fieldPath). */
export function containerFieldPath({ spec }: Pod, containerName: string): string {
  const list = (['initContainers', 'ephemeralContainers'] as const).find((key) =>
    spec[key]?.some(({ name }) => name === containerName),
  )
  return `spec.${list ?? 'containers'}{${containerName}}`
}
