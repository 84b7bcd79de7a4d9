import type { Secret, Service } from '#api/core.ts'
import type { EndpointSlice } from '#api/discovery.ts'
import type { KubernetesObject } from '#api/meta.ts'
import type { Ingress, IngressClass } from '#api/networking.ts'
import type { API, ObjectKey } from '#client/api.ts'
import type { EventRecorder } from '#client/event-recorder.ts'
import type { Informer } from '#client/informer.ts'
import type { Log } from '#log/log.ts'
import type { IngressPlan } from './model.ts'
import { planIngress } from './plan-ingress.ts'
import { planAddresses, publishStatus } from './publish-status.ts'
import { createReporter } from './report.ts'
import { selectIngresses } from './select-ingresses.ts'

export interface IngressDeps {
  readonly api: API
  readonly ingresses: Informer<Ingress>
  readonly classes: Informer<IngressClass>
  readonly services: Informer<Service>
  readonly slices: Informer<EndpointSlice>
  /** Of type kubernetes.io/tls. */
  readonly secrets: Informer<Secret>
  readonly events: EventRecorder
  readonly proxy: ReverseProxy
  readonly log: Log
}

/** What does the work: nginx. */
export interface ReverseProxy {
  readonly isRunning: boolean
  apply(plan: IngressPlan): Promise<boolean>
  exited(): Promise<void>
}

export interface IngressOptions {
  /** The Service in front of this controller: its addresses become those of the Ingresses. */
  readonly publishService?: ObjectKey
}

/** A reload costs a tenth of a second and all keep-alive connections (facts: nginx 1.22), so changes are collected for a moment. */
const QUIET_MS = 50
/** Whatever failed is tried again after this. */
const RETRY_MS = 5_000
const RESYNC_MS = 60_000
/** nginx ended by itself: start it again, but not in a whirl. */
const RESTART_MS = 1_000

/** Keeps nginx and the status of all Ingresses equal to what the API says, until `signal` aborts. */
export async function runIngress(
  deps: IngressDeps,
  options: IngressOptions,
  signal: AbortSignal,
): Promise<void> {
  const sources = [deps.ingresses, deps.classes, deps.services, deps.slices, deps.secrets]
  try {
    await Promise.all(sources.map(({ synced }) => synced))
  } catch {
    return // aborted before the first list was complete
  }
  const alarm = createAlarm(signal)
  for (const source of sources) (source as Informer<KubernetesObject>).subscribe(alarm.ring)
  const reporter = createReporter(deps.events)
  while (!signal.aborted) {
    const isDone = await syncOnce(deps, options, reporter, alarm.ring)
    await alarm.next(isDone ? RESYNC_MS : RETRY_MS)
    await pause(QUIET_MS, signal)
  }
}

async function syncOnce(
  deps: IngressDeps,
  { publishService }: IngressOptions,
  reporter: ReturnType<typeof createReporter>,
  ring: () => void,
): Promise<boolean> {
  const { api, log, proxy } = deps
  const state = {
    ingresses: deps.ingresses.list(),
    classes: deps.classes.list(),
    services: deps.services.list(),
    slices: deps.slices.list(),
    secrets: deps.secrets.list(),
  }
  const ours = selectIngresses(state.ingresses, state.classes)
  const plan = planIngress(state)
  reporter.report(ours, plan.findings)
  let isDone = true
  try {
    const wasRunning = proxy.isRunning
    if (await proxy.apply(plan)) {
      log.info('nginx serves', { hosts: plan.servers.length - 1, backends: plan.backends.length })
    }
    if (!wasRunning) void proxy.exited().then(() => setTimeout(ring, RESTART_MS).unref())
  } catch (error) {
    isDone = false
    log.error('Cannot change what nginx does: what it did before goes on', { error })
  }
  if (!publishService) return isDone
  try {
    await publishStatus(api, ours, planAddresses(deps.services.get(publishService)))
  } catch (error) {
    isDone = false
    log.warn('Cannot write the status of the Ingresses', { error })
  }
  return isDone
}

/** Remembers that something rang, also while nobody waits. */
function createAlarm(signal: AbortSignal) {
  let bell = Promise.withResolvers<void>()
  const ring = () => bell.resolve()
  signal.addEventListener('abort', ring, { once: true })
  return {
    ring,
    /** Resolves at the next ring, or when `timeoutMs` are over. */
    async next(timeoutMs: number): Promise<void> {
      const timer = setTimeout(ring, timeoutMs)
      await bell.promise
      clearTimeout(timer)
      bell = Promise.withResolvers()
      if (signal.aborted) ring()
    },
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return
  await new Promise((resolve) => setTimeout(resolve, ms))
}
