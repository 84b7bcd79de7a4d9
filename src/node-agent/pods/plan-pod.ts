import type { Container, Pod } from '#api/core.ts'
import type { ContainerObservation, PodObservation } from '../runtimes/runtime.ts'
import { nextBackOffMs, restartAt } from './back-off.ts'

/** What probes have found out about the running attempt of a container. */
export interface ProbeFindings {
  /** Its startup probe has succeeded, or it has none. */
  isStarted(name: string): boolean
  /** Its liveness or startup probe has failed for good: what to say when it is stopped. */
  failure(name: string): 'liveness' | 'startup' | undefined
}

export interface ContainerStart {
  readonly container: Container
  readonly attempt: number
  readonly backOffMs: number
}

export interface PodPlan {
  /** `finished`: nothing of the pod is to run any more. */
  readonly kind: 'run' | 'finished'
  readonly start: readonly ContainerStart[]
  readonly stop: readonly {
    readonly container: Container
    readonly attempt: number
    readonly probe: 'liveness' | 'startup'
  }[]
  /** Containers whose restart waits, with the time in ms when it may happen. */
  readonly backOff: ReadonlyMap<string, number>
}

/** What to do now for a pod that is to run. Pure; `now` in ms. */
export function planPod(
  pod: Pod,
  observation: PodObservation,
  probes: ProbeFindings,
  now: number,
): PodPlan {
  const policy = pod.spec.restartPolicy ?? 'Always'
  const start: ContainerStart[] = []
  const backOff = new Map<string, number>()
  const latest = ({ name }: Container) => observation.containers.get(name)?.at(-1)

  const restart = (container: Container, ended: ContainerObservation) => {
    if (ended.state.kind !== 'exited') return
    const attempt = { backOffMs: ended.backOffMs, state: ended.state }
    const at = restartAt(attempt)
    if (at > now) return void backOff.set(container.name, at)
    start.push({ container, attempt: ended.attempt + 1, backOffMs: nextBackOffMs(attempt) })
  }
  const keepRunning = (container: Container, restarts: boolean) => {
    const attempt = latest(container)
    if (!attempt) start.push({ container, attempt: 0, backOffMs: 0 })
    else if (restarts) restart(container, attempt)
  }

  const sidecars = (pod.spec.initContainers ?? []).filter(isSidecar)
  const initialized = isInitialized(pod, observation, probes)
  if (initialized === 'failed') return { kind: 'finished', start: [], stop: [], backOff }
  if (initialized !== true) {
    const { container, before } = initialized
    for (const sidecar of before) keepRunning(sidecar, true)
    keepRunning(container, true)
  } else {
    for (const sidecar of sidecars) keepRunning(sidecar, true)
    const ended = pod.spec.containers.filter((container) => {
      const state = latest(container)?.state
      return state?.kind === 'exited' && !restartsAfter(policy, state.exitCode)
    })
    if (ended.length === pod.spec.containers.length)
      return { kind: 'finished', start: [], stop: [], backOff: new Map() }
    for (const container of pod.spec.containers)
      if (!ended.includes(container)) keepRunning(container, true)
  }
  // They look into a pod in whatever state it is, and run once.
  for (const container of pod.spec.ephemeralContainers ?? []) keepRunning(container, false)
  return { kind: 'run', start, stop: planStops(pod, observation, probes), backOff }
}

export function isSidecar(container: Container): boolean {
  return container.restartPolicy === 'Always'
}

export function restartsAfter(policy: string, exitCode: number): boolean {
  return policy === 'Always' || (policy === 'OnFailure' && exitCode !== 0)
}

/** `true`, `failed`, or the init container whose turn it is, with the sidecars before it. */
export function isInitialized(
  pod: Pod,
  { containers }: PodObservation,
  probes: Pick<ProbeFindings, 'isStarted'>,
): true | 'failed' | { readonly container: Container; readonly before: readonly Container[] } {
  // Once a main container has been there, initialization is history, whatever is left of its records.
  if (pod.spec.containers.some(({ name }) => containers.get(name)?.length)) return true
  const before: Container[] = []
  for (const container of pod.spec.initContainers ?? []) {
    const state = containers.get(container.name)?.at(-1)?.state
    if (isSidecar(container)) {
      if (state?.kind !== 'running' || !probes.isStarted(container.name))
        return { container, before }
      before.push(container)
    } else if (state?.kind !== 'exited') {
      return { container, before }
    } else if (state.exitCode !== 0) {
      return pod.spec.restartPolicy === 'Never' ? 'failed' : { container, before }
    }
  }
  return true
}

function planStops(
  pod: Pod,
  { containers }: PodObservation,
  probes: ProbeFindings,
): PodPlan['stop'] {
  return [...(pod.spec.initContainers ?? []), ...pod.spec.containers].flatMap((container) => {
    const attempt = containers.get(container.name)?.at(-1)
    const probe = probes.failure(container.name)
    if (!probe || attempt?.state.kind !== 'running') return []
    return [{ container, attempt: attempt.attempt, probe }]
  })
}
