import type { Pod } from '#api/core.ts'
import type { PodDeps } from './pod-deps.ts'
import { podStatus } from './pod-status.ts'
import { createStatusWriter } from './status-writer.ts'

/**
 * Tells the API which pods it takes for ready whose containers ended while no agent ran, before anything else is done for any pod: until
 * then traffic is sent to them.
 */
export async function reportEnded(pods: readonly Pod[], deps: PodDeps): Promise<void> {
  await Promise.all(pods.filter(isReady).map((pod) => reportOne(pod, deps)))
}

async function reportOne(pod: Pod, { api, runtime, settings, clock, log }: PodDeps): Promise<void> {
  const observation = runtime.observe(pod.metadata.uid ?? '')
  const hasEnded = pod.spec.containers.some(
    ({ name }) => observation.containers.get(name)?.at(-1)?.state.kind === 'exited',
  )
  if (!hasEnded) return
  const reported = (name: string) =>
    pod.status?.containerStatuses?.find((container) => container.name === name)
  const status = podStatus(pod, {
    observation,
    waiting: new Map(),
    isReady: (name) => reported(name)?.ready === true,
    isStarted: (name) => reported(name)?.started === true,
    hostIPs: settings.nodeIPs,
    now: new Date(clock.now()),
  })
  try {
    await createStatusWriter(api).write(pod, status)
  } catch (cause) {
    log.warn('Cannot tell that a pod has ended: its worker will', {
      pod: pod.metadata.name,
      cause,
    })
  }
}

function isReady({ status }: Pod): boolean {
  return (
    status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false
  )
}
