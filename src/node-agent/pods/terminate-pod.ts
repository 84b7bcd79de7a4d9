import type { Container, Pod } from '#api/core.ts'
import { podDirectories } from '../settings.ts'
import { tearDownVolumes } from '../volumes/pod-volumes.ts'
import { eventsOf } from './container-events.ts'
import { isSidecar } from './plan-pod.ts'
import type { PodDeps } from './pod-deps.ts'

/** Stops a pod's containers, sidecars last and in reverse, then detaches it. Its files stay. Safe to repeat. */
export async function stopPod(
  pod: Pod,
  gracePeriodSeconds: number,
  { runtime, events, clock }: PodDeps,
): Promise<void> {
  const podUID = pod.metadata.uid ?? ''
  const deadline = clock.now() + gracePeriodSeconds * 1000
  const stop = async ({ name }: Container) => {
    const latest = runtime.observe(podUID).containers.get(name)?.at(-1)
    if (!latest || latest.state.kind === 'exited') return
    eventsOf(events, pod, name)('Normal', 'Killing', `Stopping container ${name}`)
    const left = Math.max(0, Math.ceil((deadline - clock.now()) / 1000))
    await runtime.stopContainer({ podUID, name, attempt: latest.attempt }, left)
  }
  const inits = pod.spec.initContainers ?? []
  const main = [...pod.spec.containers, ...inits.filter((container) => !isSidecar(container))]
  await Promise.all(main.map(stop))
  for (const sidecar of inits.filter(isSidecar).toReversed()) await stop(sidecar)
  await runtime.stopSandbox(podUID)
}

/** Kills at once what {@link stopPod} still waits for. */
export async function killPod(pod: Pod, { runtime }: Pick<PodDeps, 'runtime'>): Promise<void> {
  const podUID = pod.metadata.uid ?? ''
  const running = [...runtime.observe(podUID).containers].flatMap(([name, attempts]) =>
    attempts
      .filter(({ state }) => state.kind !== 'exited')
      .map(({ attempt }) => ({ podUID, name, attempt })),
  )
  await Promise.all(running.map((container) => runtime.stopContainer(container, 0)))
}

/** Removes everything that is left of a stopped pod. */
export async function removePodFiles(pod: Pod, { runtime, settings }: PodDeps): Promise<void> {
  const podUID = pod.metadata.uid ?? ''
  const memory = (pod.spec.volumes ?? []).filter(({ emptyDir }) => emptyDir?.medium === 'Memory')
  tearDownVolumes(
    podDirectories(settings, podUID),
    memory.map(({ name }) => name),
  )
  await runtime.removePod(podUID)
}
