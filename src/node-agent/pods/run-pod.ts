import type { Pod } from '#api/core.ts'
import { ContainerConfigError } from '../env/env-for-pod.ts'
import type { PodProbes } from '../probes/pod-probes.ts'
import type { ContainerConfig, PodObservation, Sandbox } from '../runtimes/runtime.ts'
import { podDirectories } from '../settings.ts'
import { VolumeError } from '../volumes/plan-volume.ts'
import { setUpVolumes } from '../volumes/pod-volumes.ts'
import { containerConfig, type PodContext, sandboxConfig } from './container-config.ts'
import { eventsOf } from './container-events.ts'
import type { Waiting } from './container-status.ts'
import { type ContainerStart, type PodPlan, planPod } from './plan-pod.ts'
import type { PodDeps } from './pod-deps.ts'
import { writePodFiles } from './pod-files.ts'

/** Attempts of a container that are kept: the one that counts, and the one before it for `logs --previous`. */
const KEPT_ATTEMPTS = 2
/** Nothing that a pod waits for goes unlooked at for longer. */
export const RESYNC_MS = 10_000
/** How soon to look again at a container whose end nobody would tell. */
const UNWATCHED_MS = 250

export interface RunOutcome {
  readonly waiting: ReadonlyMap<string, Waiting>
  /** When to look again although nothing was heard, in ms from now. */
  readonly againInMs: number
  readonly isFinished: boolean
}

/** Brings a pod that is to run one step closer to it. Safe to repeat. @throws what stands in the way of the whole pod, after its event */
export async function runPod(
  pod: Pod,
  probes: PodProbes,
  once: (key: string) => boolean,
  deps: PodDeps,
): Promise<RunOutcome> {
  const { runtime, clock, settings } = deps
  const podUID = pod.metadata.uid ?? ''
  const observation = runtime.observe(podUID)
  probes.sync(pod, observation)
  const plan = planPod(pod, observation, probes, clock.now())
  if (plan.kind === 'finished') {
    await finish(pod, observation, deps)
    return { waiting: new Map(), againInMs: RESYNC_MS, isFinished: true }
  }
  await stopFailed(pod, plan, deps)
  const references = await deps.references.fetch(pod)
  await say(deps, pod, 'FailedMount', VolumeError, () =>
    setUpVolumes(pod, podDirectories(settings, podUID), references, new Date(clock.now())),
  )
  const sandbox = await ensureSandbox(pod, observation, deps)
  const podIPs = pod.spec.hostNetwork ? settings.nodeIPs : sandbox.ips
  writePodFiles(pod, podIPs, podDirectories(settings, podUID).podDirectory, settings)
  const context = { pod, podIPs, services: deps.services(), references, settings }
  const waiting = new Map<string, Waiting>(describeBackOff(pod, plan, observation, once, deps))
  await Promise.all(
    plan.start.map(async (start) => {
      const problem = await startContainer(start, context, once, deps)
      if (problem) waiting.set(start.container.name, problem)
    }),
  )
  const soonest = Math.min(...plan.backOff.values()) - clock.now()
  const longest = isUnwatched(observation) ? UNWATCHED_MS : RESYNC_MS
  return { waiting, againInMs: Math.max(0, Math.min(longest, soonest)), isFinished: false }
}

function isUnwatched({ containers }: PodObservation): boolean {
  for (const attempts of containers.values()) {
    const state = attempts.at(-1)?.state
    if (state?.kind === 'running' && state.unwatched) return true
  }
  return false
}

async function finish(pod: Pod, observation: PodObservation, deps: PodDeps): Promise<void> {
  const podUID = pod.metadata.uid ?? ''
  const running = [...observation.containers].flatMap(([name, attempts]) => {
    const latest = attempts.at(-1)
    return latest?.state.kind === 'running' ? [{ podUID, name, attempt: latest.attempt }] : []
  })
  const grace = pod.spec.terminationGracePeriodSeconds ?? 30
  await Promise.all(running.map((container) => deps.runtime.stopContainer(container, grace)))
  if (observation.sandbox.state !== 'absent') await deps.runtime.stopSandbox(podUID)
}

async function stopFailed(pod: Pod, plan: PodPlan, { runtime, events }: PodDeps): Promise<void> {
  const podUID = pod.metadata.uid ?? ''
  await Promise.all(
    plan.stop.map(async ({ container: { name }, attempt, probe }) => {
      const message = `Container ${name} failed ${probe} probe, will be restarted`
      eventsOf(events, pod, name)('Normal', 'Killing', message)
      const grace = pod.spec.terminationGracePeriodSeconds ?? 30
      await runtime.stopContainer({ podUID, name, attempt }, grace)
    }),
  )
}

async function ensureSandbox(
  pod: Pod,
  { sandbox }: PodObservation,
  deps: PodDeps,
): Promise<Sandbox> {
  const { runtime, events, settings } = deps
  if (sandbox.state === 'lost')
    events.event(
      pod,
      'Normal',
      'SandboxChanged',
      'Pod sandbox changed, it will be killed and re-created.',
    )
  return await say(
    deps,
    pod,
    'FailedCreatePodSandBox',
    Error,
    () => runtime.ensureSandbox(sandboxConfig(pod, settings)),
    'Failed to create pod sandbox: ',
  )
}

/** Runs `fn`; what it throws, if it is of that kind, becomes an event before it goes on its way. */
async function say<T>(
  { events }: PodDeps,
  pod: Pod,
  reason: string,
  kind: new (...args: never[]) => Error,
  fn: () => Promise<T>,
  prefix = '',
): Promise<T> {
  try {
    return await fn()
  } catch (error) {
    if (error instanceof kind) events.event(pod, 'Warning', reason, `${prefix}${error.message}`)
    throw error
  }
}

/** Starts one container, or says why it cannot be. */
async function startContainer(
  start: ContainerStart,
  context: PodContext,
  once: (key: string) => boolean,
  { runtime, events }: PodDeps,
): Promise<Waiting | undefined> {
  const { container, attempt } = start
  const { pod } = context
  const podUID = pod.metadata.uid ?? ''
  const tell = eventsOf(events, pod, container.name)
  const found = runtime.findImage(container.image ?? '')
  if (found.kind === 'absent') {
    if (once(`image ${container.name}`)) {
      tell('Warning', 'ErrImageNeverPull', found.message)
      tell('Warning', 'Failed', 'Error: ErrImageNeverPull')
    }
    return { reason: 'ErrImageNeverPull', message: found.message }
  }
  let config: ContainerConfig
  try {
    config = containerConfig(start, context)
  } catch (error) {
    if (!(error instanceof ContainerConfigError || error instanceof VolumeError)) throw error
    if (once(`config ${container.name} ${error.message}`))
      tell('Warning', 'Failed', `Error: ${error.message}`)
    return { reason: 'CreateContainerConfigError', message: error.message }
  }
  tell('Normal', 'Pulled', `Container image "${container.image}" already present on machine`)
  try {
    await runtime.startContainer(config)
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    if (once(`create ${container.name} ${message}`)) tell('Warning', 'Failed', `Error: ${message}`)
    return { reason: 'CreateContainerError', message }
  }
  runtime.pruneContainers(podUID, container.name, KEPT_ATTEMPTS)
  tell('Normal', 'Created', `Created container: ${container.name}`)
  const state = runtime
    .observe(podUID)
    .containers.get(container.name)
    ?.find((candidate) => candidate.attempt === attempt)?.state
  if (state?.kind === 'exited' && state.reason === 'StartError')
    tell('Warning', 'Failed', `Error: ${state.message}`)
  else tell('Normal', 'Started', `Started container ${container.name}`)
  return undefined
}

function describeBackOff(
  pod: Pod,
  plan: PodPlan,
  observation: PodObservation,
  once: (key: string) => boolean,
  { events }: PodDeps,
): readonly (readonly [string, Waiting])[] {
  const { metadata } = pod
  const name = `${metadata.name}_${metadata.namespace ?? 'default'}(${metadata.uid ?? ''})`
  return [...plan.backOff.keys()].map((container) => {
    const latest = observation.containers.get(container)?.at(-1)
    if (once(`back-off ${container} ${latest?.attempt}`))
      eventsOf(events, pod, container)(
        'Warning',
        'BackOff',
        `Back-off restarting failed container ${container} in pod ${name}`,
      )
    const duration = formatDuration(latest?.backOffMs ?? 0)
    const message = `back-off ${duration} restarting failed container=${container} pod=${name}`
    return [container, { reason: 'CrashLoopBackOff', message }] as const
  })
}

/** As Go prints a duration of whole seconds: 10s, 1m20s, 5m0s. */
function formatDuration(ms: number): string {
  const seconds = Math.round(ms / 1000)
  return seconds < 60 ? `${seconds}s` : `${Math.floor(seconds / 60)}m${seconds % 60}s`
}
