import type { Container, ContainerState, ContainerStatus } from '#api/core.ts'
import type { ContainerObservation, PodObservation } from '../runtimes/runtime.ts'

/** Why a container that should run does not: `reason` as kubectl shows it. */
export interface Waiting {
  readonly reason: string
  readonly message?: string
}

export interface ContainerFindings {
  readonly observation: PodObservation
  isReady(name: string): boolean
  isStarted(name: string): boolean
  /** By container name: image or configuration errors, and restarts that wait. */
  readonly waiting: ReadonlyMap<string, Waiting>
}

/** What a container of a pod that has not come to it yet shows. */
export function containerStatus(
  container: Container,
  findings: ContainerFindings,
  notStarted: Waiting,
): ContainerStatus {
  const attempts = findings.observation.containers.get(container.name) ?? []
  const latest = attempts.at(-1)
  const waiting = findings.waiting.get(container.name)
  if (!latest) {
    return {
      name: container.name,
      state: { waiting: { ...(waiting ?? notStarted) } },
      ready: false,
      started: false,
      restartCount: 0,
      image: container.image ?? '',
      imageID: '',
    }
  }
  const isRunning = latest.state.kind === 'running'
  const ended = waiting && latest.state.kind === 'exited' ? latest : attempts.at(-2)
  return {
    name: container.name,
    state:
      latest.state.kind === 'exited' && waiting ? { waiting: { ...waiting } } : stateOf(latest),
    ...(ended ? { lastState: stateOf(ended) } : {}),
    ready: isRunning && findings.isReady(container.name),
    started: isRunning && findings.isStarted(container.name),
    restartCount: latest.attempt,
    image: container.image ?? '',
    imageID: latest.imageID,
    containerID: containerIDOf(latest),
  }
}

/** An init container is ready when it has succeeded. */
export function initContainerStatus(
  container: Container,
  findings: ContainerFindings,
): ContainerStatus {
  const status = containerStatus(container, findings, { reason: 'PodInitializing' })
  return { ...status, ready: status.ready || status.state?.terminated?.exitCode === 0 }
}

export function containerIDOf({ containerID }: ContainerObservation): string {
  return `process://${containerID}`
}

function stateOf(attempt: ContainerObservation): ContainerState {
  const { state } = attempt
  switch (state.kind) {
    case 'created':
      return { waiting: { reason: 'ContainerCreating' } }
    case 'running':
      return { running: { startedAt: formatTime(state.startedAt) } }
    case 'exited':
      return {
        terminated: {
          exitCode: state.exitCode,
          reason: state.reason,
          ...(state.message ? { message: state.message } : {}),
          startedAt: formatTime(state.startedAt),
          finishedAt: formatTime(state.finishedAt),
          containerID: containerIDOf(attempt),
        },
      }
  }
}

/** metav1.Time: whole seconds. */
export function formatTime(time: Date): string {
  return `${time.toISOString().slice(0, 19)}Z`
}
