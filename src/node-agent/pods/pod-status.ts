import type { ContainerStatus, Pod, PodStatus } from '#api/core.ts'
import { qosClassOf } from '#api/kinds/pod-qos.ts'
import type { Condition } from '#api/meta.ts'
import {
  type ContainerFindings,
  containerStatus,
  formatTime,
  initContainerStatus,
} from './container-status.ts'
import { isInitialized, isSidecar } from './plan-pod.ts'

export interface PodFindings extends ContainerFindings {
  /** One a family, the primary first. */
  readonly hostIPs: readonly string[]
  readonly now: Date
}

/** The status to report. Pure; conditions of others (readiness gates) and transition times come from the old one. */
export function podStatus(pod: Pod, findings: PodFindings): PodStatus {
  const { observation, hostIPs, now } = findings
  const { sandbox } = observation
  const initialized = isInitialized(pod, observation, findings) === true
  const notStarted = {
    reason:
      pod.spec.initContainers?.length && !initialized ? 'PodInitializing' : 'ContainerCreating',
  }
  const containerStatuses = pod.spec.containers.map((container) =>
    containerStatus(container, findings, notStarted),
  )
  const initContainerStatuses = (pod.spec.initContainers ?? []).map((container) =>
    initContainerStatus(container, findings),
  )
  const ephemeralContainerStatuses = (pod.spec.ephemeralContainers ?? []).map((container) =>
    containerStatus(container, findings, { reason: 'ContainerCreating' }),
  )
  const phase = phaseOf(pod, containerStatuses, initContainerStatuses, initialized)
  const ips = sandbox.state === 'absent' ? [] : pod.spec.hostNetwork ? hostIPs : sandbox.ips
  return {
    phase,
    conditions: conditionsOf(
      pod,
      { phase, initialized, containerStatuses, initContainerStatuses },
      findings,
    ),
    hostIP: hostIPs[0] ?? '',
    hostIPs: hostIPs.map((ip) => ({ ip })),
    ...(ips[0] ? { podIP: ips[0], podIPs: ips.map((ip) => ({ ip })) } : keptIPs(pod)),
    startTime: pod.status?.startTime ?? formatTime(now),
    ...(initContainerStatuses.length > 0 ? { initContainerStatuses } : {}),
    containerStatuses,
    ...(ephemeralContainerStatuses.length > 0 ? { ephemeralContainerStatuses } : {}),
    qosClass: pod.status?.qosClass ?? qosClassOf(pod.spec),
  }
}

/** A finished pod keeps showing the addresses it had. */
function keptIPs({ status }: Pod): Pick<PodStatus, 'podIP' | 'podIPs'> {
  if (!status?.podIP) return {}
  return { podIP: status.podIP, ...(status.podIPs ? { podIPs: status.podIPs } : {}) }
}

type Phase = NonNullable<PodStatus['phase']>

function phaseOf(
  pod: Pod,
  statuses: readonly ContainerStatus[],
  initStatuses: readonly ContainerStatus[],
  initialized: boolean,
): Phase {
  const policy = pod.spec.restartPolicy ?? 'Always'
  if (!initialized) {
    const failed = (pod.spec.initContainers ?? []).some((container, i) => {
      const code = initStatuses[i]?.state?.terminated?.exitCode
      return !isSidecar(container) && code !== undefined && code !== 0
    })
    return failed && policy === 'Never' ? 'Failed' : 'Pending'
  }
  const running = statuses.filter(({ state }) => state?.running)
  const ended = statuses.filter(
    ({ state, lastState }) => state?.terminated || (state?.waiting && lastState?.terminated),
  )
  if (running.length + ended.length < statuses.length) return 'Pending'
  if (running.length > 0 || policy === 'Always') return 'Running'
  if (ended.every(({ state }) => state?.terminated?.exitCode === 0)) return 'Succeeded'
  return policy === 'Never' ? 'Failed' : 'Running'
}

interface Summary {
  readonly phase: Phase
  readonly initialized: boolean
  readonly containerStatuses: readonly ContainerStatus[]
  readonly initContainerStatuses: readonly ContainerStatus[]
}

const OWN = ['PodReadyToStartContainers', 'Initialized', 'Ready', 'ContainersReady', 'PodScheduled']

function conditionsOf(
  pod: Pod,
  summary: Summary,
  { observation, now }: PodFindings,
): readonly Condition[] {
  const old = pod.status?.conditions ?? []
  const containersReady = containersReadyCondition(pod, summary)
  const wanted: readonly Condition[] = [
    {
      type: 'PodReadyToStartContainers',
      status: observation.sandbox.state === 'ready' ? 'True' : 'False',
    },
    initializedCondition(summary),
    readyCondition(pod, containersReady, old),
    { type: 'ContainersReady', ...containersReady },
    { type: 'PodScheduled', status: 'True' },
  ]
  return [
    ...wanted.map((condition) => withTransition(condition, old, now)),
    ...old.filter(({ type }) => !OWN.includes(type)),
  ]
}

function withTransition(condition: Condition, old: readonly Condition[], now: Date): Condition {
  const before = old.find(({ type }) => type === condition.type)
  const lastTransitionTime =
    before?.status === condition.status && before.lastTransitionTime
      ? before.lastTransitionTime
      : formatTime(now)
  return { ...condition, lastTransitionTime }
}

function initializedCondition({ phase, initialized, initContainerStatuses }: Summary): Condition {
  if (initialized) {
    return {
      type: 'Initialized',
      status: 'True',
      ...(phase === 'Succeeded' ? { reason: 'PodCompleted' } : {}),
    }
  }
  const names = initContainerStatuses.filter(({ ready }) => !ready).map(({ name }) => name)
  return {
    type: 'Initialized',
    status: 'False',
    reason: 'ContainersNotInitialized',
    message: `containers with incomplete status: [${names.join(' ')}]`,
  }
}

function containersReadyCondition(
  pod: Pod,
  { phase, containerStatuses, initContainerStatuses }: Summary,
): Omit<Condition, 'type'> {
  if (phase === 'Succeeded') return { status: 'False', reason: 'PodCompleted' }
  if (phase === 'Failed') return { status: 'False', reason: 'PodFailed' }
  const sidecars = (pod.spec.initContainers ?? []).filter(isSidecar).map(({ name }) => name)
  const counted = [
    ...initContainerStatuses.filter(({ name }) => sidecars.includes(name)),
    ...containerStatuses,
  ]
  const unready = counted.filter(({ ready }) => !ready).map(({ name }) => name)
  if (unready.length === 0) return { status: 'True' }
  return {
    status: 'False',
    reason: 'ContainersNotReady',
    message: `containers with unready status: [${unready.join(' ')}]`,
  }
}

function readyCondition(
  pod: Pod,
  containersReady: Omit<Condition, 'type'>,
  old: readonly Condition[],
): Condition {
  if (containersReady.status !== 'True') return { type: 'Ready', ...containersReady }
  const messages = (pod.spec.readinessGates ?? []).flatMap(({ conditionType }) => {
    const gate = old.find(({ type }) => type === conditionType)
    if (!gate)
      return [`corresponding condition of pod readiness gate "${conditionType}" does not exist.`]
    if (gate.status === 'True') return []
    return [`the status of pod readiness gate "${conditionType}" is not "True", but ${gate.status}`]
  })
  if (messages.length === 0) return { type: 'Ready', status: 'True' }
  return {
    type: 'Ready',
    status: 'False',
    reason: 'ReadinessGatesNotReady',
    message: messages.join(', '),
  }
}
