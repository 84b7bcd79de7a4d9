import type { Container, ContainerStatus, Pod } from '#api/core.ts'

/**
 * The STATUS column: the phase, or the most telling reason of a container, or how far init containers are
 * (pkg/printers/internalversion/printers.go, printPod).
 */
export function podStatusText(pod: Pod): string {
  const phase = pod.status?.reason || pod.status?.phase || 'Unknown'
  const gated = (pod.status?.conditions ?? []).some(
    ({ type, reason }) => type === 'PodScheduled' && reason === 'SchedulingGated',
  )
  const initialising = initText(pod)
  const reason = initialising ?? containersText(pod, gated ? 'SchedulingGated' : phase)
  if (!pod.metadata.deletionTimestamp) return reason
  return isFinished(pod) ? reason : 'Terminating'
}

const isFinished = ({ status }: Pod) => status?.phase === 'Failed' || status?.phase === 'Succeeded'

/** The first init container that is not through, as `Init:0/2` or `Init:Error`; undefined when all are. */
function initText({ spec, status }: Pod): string | undefined {
  const containers = new Map(
    (spec.initContainers ?? []).map((container) => [container.name, container]),
  )
  for (const [i, found] of (status?.initContainerStatuses ?? []).entries()) {
    const text = initContainerText(found, containers.get(found.name))
    if (text === 'through') continue
    return `Init:${text ?? `${i}/${containers.size}`}`
  }
  return undefined
}

function initContainerText(
  { state, started }: ContainerStatus,
  container: Container | undefined,
): string | undefined {
  if (state?.terminated) {
    return state.terminated.exitCode === 0 ? 'through' : terminatedText(state.terminated)
  }
  if (container?.restartPolicy === 'Always' && started) return 'through'
  const waiting = state?.waiting?.reason
  return waiting && waiting !== 'PodInitializing' ? waiting : undefined
}

function containersText(pod: Pod, phase: string): string {
  let reason = phase
  let hasRunning = false
  // Backwards: the first container's reason is the one that stays.
  for (const { state, ready } of (pod.status?.containerStatuses ?? []).toReversed()) {
    if (state?.waiting?.reason) reason = state.waiting.reason
    else if (state?.terminated) reason = terminatedText(state.terminated)
    else if (ready && state?.running) hasRunning = true
  }
  if (reason !== 'Completed' || !hasRunning) return reason
  const isReady = (pod.status?.conditions ?? []).some(
    ({ type, status }) => type === 'Ready' && status === 'True',
  )
  return isReady ? 'Running' : 'NotReady'
}

function terminatedText({
  reason,
  signal,
  exitCode,
}: {
  readonly reason?: string
  readonly signal?: number
  readonly exitCode: number
}): string {
  if (reason) return reason
  return signal ? `Signal:${signal}` : `ExitCode:${exitCode}`
}
