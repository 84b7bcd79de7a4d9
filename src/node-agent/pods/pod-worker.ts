import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Pod } from '#api/core.ts'
import * as resources from '#api/resources.ts'
import { APIStatusError } from '#client/api.ts'
import { writeAtomically } from '../files.ts'
import { createPodProbes, type PodProbes } from '../probes/pod-probes.ts'
import { podDirectories } from '../settings.ts'
import { eventsOf } from './container-events.ts'
import type { Waiting } from './container-status.ts'
import type { PodDeps } from './pod-deps.ts'
import { podStatus } from './pod-status.ts'
import { RESYNC_MS, runPod } from './run-pod.ts'
import { createStatusWriter, type StatusWriter } from './status-writer.ts'
import { killPod, removePodFiles, stopPod } from './terminate-pod.ts'

/** The kubelet's least: what a pod gets that was deleted behind our back. */
const VANISHED_GRACE_SECONDS = 2
const RETRY_MS = { first: 1000, most: 10_000 }

interface Termination {
  state: 'going' | 'failed' | 'done'
  /** What its containers have left, from the deletion that granted least. */
  graceSeconds: number
}

/**
 * One pod's loop: it looks at what is, does what brings it closer to what should be, reports, and waits for news. It ends when the
 * pod is gone from this node and from the API, or when the agent stops (the pod then runs on).
 */
export class PodWorker {
  /** Resolves when the loop has ended. */
  readonly done: Promise<void>
  readonly #deps: PodDeps
  readonly #signal: AbortSignal
  readonly #probes: PodProbes
  readonly #status: StatusWriter
  readonly #said = new Set<string>()
  #pod: Pod
  #isInAPI: boolean
  #waiting: ReadonlyMap<string, Waiting> = new Map()
  #termination: Termination | undefined
  #news = Promise.withResolvers<void>()
  #retryMs = 0
  /** What stands in the way, as it was last logged. */
  #obstacle: string | undefined

  constructor(pod: Pod, deps: PodDeps, signal: AbortSignal, isInAPI: boolean) {
    this.#pod = pod
    this.#deps = deps
    this.#signal = signal
    this.#isInAPI = isInAPI
    this.#status = createStatusWriter(deps.api)
    this.#probes = createPodProbes({
      runtime: deps.runtime,
      clock: deps.clock,
      hostIP: deps.settings.nodeIPs[0] ?? '',
      onChange: () => this.#wake(),
      onFailure: (of, { name }, kind, output) => {
        const title = `${kind[0]!.toUpperCase()}${kind.slice(1)}`
        const tell = eventsOf(deps.events, of, name)
        tell('Warning', 'Unhealthy', `${title} probe failed: ${output}`)
        deps.log.info('probe failed', { pod: of.metadata.name, container: name, kind, output })
      },
    })
    this.done = this.#run()
  }

  get podUID(): string {
    return this.#pod.metadata.uid ?? ''
  }

  get pod(): Pod {
    return this.#pod
  }

  /** The pod as the API has it now; `undefined` once it is gone from there. */
  update(pod: Pod | undefined): void {
    if (pod) this.#pod = pod
    else this.#isInAPI = false
    this.#wake()
  }

  #wake(): void {
    this.#news.resolve()
  }

  async #run(): Promise<void> {
    const stopWatching = this.#deps.runtime.watch(this.podUID, () => this.#wake())
    try {
      while (!this.#signal.aborted) {
        this.#news = Promise.withResolvers()
        const againInMs = await this.#look()
        if (againInMs === undefined) return
        const nap = new AbortController()
        const sleep = this.#deps.clock.sleep(againInMs, AbortSignal.any([nap.signal, this.#signal]))
        await Promise.race([sleep, this.#news.promise])
        nap.abort()
      }
    } finally {
      stopWatching()
      this.#probes.stop()
    }
  }

  /** One round. The time until the next, or `undefined` after the last. Failures are logged here and tried again, ever later. */
  async #look(): Promise<number | undefined> {
    try {
      const againInMs = await this.#round()
      this.#retryMs = 0
      this.#obstacle = undefined
      return againInMs
    } catch (cause) {
      if (this.#signal.aborted) return undefined
      this.#retryMs = Math.min(RETRY_MS.most, 2 * this.#retryMs || RETRY_MS.first)
      this.#logOnce(cause)
      await this.#report().catch(() => false) // what did succeed is worth telling
      return this.#retryMs
    }
  }

  /** A ConfigMap may be missing for days: what is tried again in vain is logged when it changes. */
  #logOnce(cause: unknown): void {
    if (this.#obstacle === String(cause)) return
    this.#obstacle = String(cause)
    this.#deps.log.warn('Cannot bring a pod to where it should be: tried again until it works', {
      pod: `${this.#pod.metadata.namespace}/${this.#pod.metadata.name}`,
      cause,
    })
  }

  async #round(): Promise<number | undefined> {
    const { metadata, status } = this.#pod
    if (!this.#isInAPI || metadata.deletionTimestamp !== undefined) return await this.#terminating()
    if (status?.phase === 'Succeeded' || status?.phase === 'Failed') {
      await this.#deps.runtime.stopSandbox(this.podUID)
      return RESYNC_MS
    }
    this.#writePodFile()
    const outcome = await runPod(this.#pod, this.#probes, (key) => this.#once(key), this.#deps)
    this.#waiting = outcome.waiting
    await this.#report()
    return outcome.againInMs
  }

  /** Stopping takes its grace period; readiness is reported meanwhile. */
  async #terminating(): Promise<number | undefined> {
    this.#probes.terminate()
    if (!this.#termination || this.#termination.state === 'failed') {
      const termination: Termination = { state: 'going', graceSeconds: this.#grace() }
      this.#termination = termination
      this.#waiting = new Map()
      void stopPod(this.#pod, termination.graceSeconds, this.#deps)
        .then(() => (termination.state = 'done'))
        .catch((cause: unknown) => {
          termination.state = 'failed'
          this.#deps.log.warn('Cannot stop a pod: tried again', { pod: this.podUID, cause })
        })
        .finally(() => this.#wake())
      return RETRY_MS.first
    }
    if (this.#termination.state === 'going') {
      void this.#shorten(this.#termination)
      await this.#report()
      return RESYNC_MS
    }
    this.#probes.stop()
    await this.#report()
    await removePodFiles(this.#pod, this.#deps)
    this.#deps.references.forget(this.podUID)
    await this.#deleteFromAPI()
    return undefined
  }

  /** A later deletion, or a forced one, does not wait for what an earlier one granted (kubelet/pod_workers.go). */
  async #shorten(termination: Termination): Promise<void> {
    const seconds = this.#grace()
    if (seconds >= termination.graceSeconds) return
    termination.graceSeconds = seconds
    await this.#deps.clock.sleep(seconds * 1000, this.#signal)
    if (this.#signal.aborted || termination.state !== 'going') return
    await killPod(this.#pod, this.#deps).catch((cause: unknown) =>
      this.#deps.log.warn('Cannot kill a pod', { pod: this.podUID, cause }),
    )
  }

  #grace(): number {
    if (!this.#isInAPI) return VANISHED_GRACE_SECONDS
    const { metadata, spec } = this.#pod
    return metadata.deletionGracePeriodSeconds ?? spec.terminationGracePeriodSeconds ?? 30
  }

  async #deleteFromAPI(): Promise<void> {
    if (!this.#isInAPI) return
    const { namespace = 'default', name, uid } = this.#pod.metadata
    try {
      await this.#deps.api.delete(
        resources.pods,
        { namespace, name },
        { gracePeriodSeconds: 0, ...(uid ? { preconditions: { uid } } : {}) },
      )
    } catch (error) {
      if (!(error instanceof APIStatusError && (error.code === 404 || error.code === 409)))
        throw error
    }
  }

  async #report(): Promise<void> {
    if (!this.#isInAPI) return
    const observation = this.#deps.runtime.observe(this.podUID)
    this.#probes.sync(this.#pod, observation)
    const status = podStatus(this.#pod, {
      observation,
      waiting: this.#waiting,
      isReady: (name) => this.#probes.isReady(name),
      isStarted: (name) => this.#probes.isStarted(name),
      hostIPs: this.#deps.settings.nodeIPs,
      now: new Date(this.#deps.clock.now()),
    })
    await this.#status.write(this.#pod, status)
  }

  /** `true` the first time; so that an event is not repeated each round. */
  #once(key: string): boolean {
    if (this.#said.has(key)) return false
    this.#said.add(key)
    return true
  }

  /** For an agent that comes after us and no longer finds the pod in the API. */
  #writePodFile(): void {
    const { podDirectory } = podDirectories(this.#deps.settings, this.podUID)
    if (!this.#once('pod.json')) return
    mkdirSync(podDirectory, { recursive: true, mode: 0o700 })
    const { metadata, spec } = this.#pod
    writeAtomically(join(podDirectory, 'pod.json'), JSON.stringify({ metadata, spec }))
  }
}

/** What {@link PodWorker} left behind of a pod; `undefined` where nothing was to be left. */
export function readPodFile(podDirectory: string): Pod | undefined {
  try {
    return JSON.parse(readFileSync(join(podDirectory, 'pod.json'), 'utf8')) as Pod
  } catch {
    return undefined
  }
}
