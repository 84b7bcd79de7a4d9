import type { Container, Pod } from '#api/core.ts'
import { containerIDOf } from '../pods/container-status.ts'
import { isSidecar, type ProbeFindings } from '../pods/plan-pod.ts'
import type { ContainerObservation, PodObservation, Runtime } from '../runtimes/runtime.ts'
import { checkProbe } from './check.ts'
import type { ProbeKind, ProbeState } from './probe-state.ts'
import { type Clock, runProber } from './prober.ts'

export interface PodProbes extends ProbeFindings {
  isReady(name: string): boolean
  /** Starts and stops probers so that they fit what runs. */
  sync(pod: Pod, observation: PodObservation): void
  /** The pod is going: it is no longer asked whether it lives, only whether it is ready. */
  terminate(): void
  stop(): void
}

export interface PodProbesDeps {
  readonly runtime: Runtime
  readonly clock: Clock
  readonly hostIP: string
  /** A look that counts has failed: for the event. */
  readonly onFailure: (pod: Pod, container: Container, kind: ProbeKind, output: string) => void
  /** Something changed that the pod's worker acts upon. */
  readonly onChange: () => void
}

/** The probers of one attempt of a container, and what they have found. */
interface Probed {
  readonly attempt: number
  readonly controllers: ReadonlyMap<ProbeKind, AbortController>
  readonly results: Map<ProbeKind, ProbeState['result']>
}

export function createPodProbes(deps: PodProbesDeps): PodProbes {
  const probed = new Map<string, Probed>()
  const drop = (name: string) => {
    for (const controller of probed.get(name)?.controllers.values() ?? []) controller.abort()
    probed.delete(name)
  }
  const passed = (name: string, kind: ProbeKind) => {
    const container = probed.get(name)
    if (!container) return false
    const result = container.results.get(kind)
    return result === undefined || result === 'success'
  }
  return {
    isStarted: (name) => passed(name, 'startup'),
    isReady: (name) => passed(name, 'startup') && passed(name, 'readiness'),
    failure(name) {
      const results = probed.get(name)?.results
      return (['liveness', 'startup'] as const).find((kind) => results?.get(kind) === 'failure')
    },
    sync(pod, observation) {
      const asked = [...(pod.spec.initContainers ?? []).filter(isSidecar), ...pod.spec.containers]
      for (const container of asked) {
        const latest = observation.containers.get(container.name)?.at(-1)
        const known = probed.get(container.name)
        if (known && (latest?.state.kind !== 'running' || latest.attempt !== known.attempt))
          drop(container.name)
        if (latest?.state.kind === 'running' && !probed.has(container.name))
          probed.set(container.name, startProbers(deps, pod, container, latest, observation))
      }
    },
    terminate() {
      for (const { controllers } of probed.values()) {
        controllers.get('liveness')?.abort()
        controllers.get('startup')?.abort()
      }
    },
    stop() {
      for (const name of [...probed.keys()]) drop(name)
    },
  }
}

function startProbers(
  { runtime, clock, hostIP, onFailure, onChange }: PodProbesDeps,
  pod: Pod,
  container: Container,
  latest: ContainerObservation,
  { sandbox }: PodObservation,
): Probed {
  const results = new Map<ProbeKind, ProbeState['result']>()
  const controllers = new Map<ProbeKind, AbortController>()
  const ref = { podUID: pod.metadata.uid ?? '', name: container.name, attempt: latest.attempt }
  const podIP = (sandbox.state === 'absent' ? undefined : sandbox.ips[0]) ?? hostIP
  const startedAt = latest.state.kind === 'running' ? latest.state.startedAt.getTime() : clock.now()
  const known = knownResults(pod, container, latest)
  for (const kind of ['startup', 'readiness', 'liveness'] as const) {
    const probe = container[`${kind}Probe`]
    if (!probe) continue
    results.set(kind, known.get(kind) ?? (kind === 'liveness' ? 'success' : 'unknown'))
    if (kind === 'startup' && results.get(kind) === 'success') continue
    const controller = new AbortController()
    controllers.set(kind, controller)
    const result = known.get(kind)
    void runProber(
      {
        kind,
        probe,
        startedAt,
        ...(result ? { result } : {}),
        check: (timeoutMs) =>
          checkProbe(
            probe,
            { container, podIP, exec: (command, ms) => runtime.exec(ref, command, ms) },
            timeoutMs,
          ),
        report(outcome, state) {
          if (outcome.kind === 'failure') onFailure(pod, container, kind, outcome.output)
          if (results.get(kind) === state.result) return
          results.set(kind, state.result)
          onChange()
        },
        isHeld: () => kind !== 'startup' && (results.get('startup') ?? 'success') !== 'success',
      },
      clock,
      controller.signal,
    )
  }
  return { attempt: latest.attempt, controllers, results }
}

/** What an earlier agent reported of this very container: a restart of the agent must not make it unready. */
function knownResults(
  { status }: Pod,
  { name }: Container,
  latest: ContainerObservation,
): ReadonlyMap<ProbeKind, 'success'> {
  const reported = [
    ...(status?.containerStatuses ?? []),
    ...(status?.initContainerStatuses ?? []),
  ].find((candidate) => candidate.name === name && candidate.containerID === containerIDOf(latest))
  const known = new Map<ProbeKind, 'success'>()
  if (reported?.started) known.set('startup', 'success')
  if (reported?.ready) known.set('readiness', 'success')
  return known
}
