import type { Pod } from '#api/core.ts'
import type { Informer } from '#client/informer.ts'
import { podDirectories } from '../settings.ts'
import type { PodDeps } from './pod-deps.ts'
import { PodWorker, readPodFile } from './pod-worker.ts'
import { reportEnded } from './report-ended.ts'

/** One worker for each pod that is bound to this node, or that an earlier agent left here. */
export class PodWorkers {
  readonly #deps: PodDeps
  readonly #signal: AbortSignal
  readonly #workers = new Map<string, PodWorker>()

  constructor(deps: PodDeps, signal: AbortSignal) {
    this.#deps = deps
    this.#signal = signal
  }

  pods(): readonly Pod[] {
    return [...this.#workers.values()].map(({ pod }) => pod)
  }

  /** Resolves when those that are there now have ended. */
  async done(): Promise<void> {
    await Promise.all([...this.#workers.values()].map(({ done }) => done))
  }

  /** Tells of what ended while no agent ran: before the node can run pods again, since traffic is sent to them. */
  async reportEnded(pods: readonly Pod[]): Promise<void> {
    await reportEnded(pods, this.#deps)
  }

  /** Follows the node's pods, of which there was a complete list. */
  async follow(pods: Informer<Pod>): Promise<void> {
    const listed = new Set(pods.list().map(({ metadata }) => metadata.uid))
    const left = this.#deps.runtime.podUIDs().filter((podUID) => !listed.has(podUID))
    await Promise.all(left.map((podUID) => this.#cleanUp(podUID)))
    pods.subscribe(({ type, object, previous }) => {
      // A pod of the same name may have come while we did not watch.
      if (previous && previous.metadata.uid !== object.metadata.uid) this.#tell(previous, false)
      this.#tell(object, type !== 'deleted')
    })
  }

  /** A pod that was deleted while no agent ran. */
  async #cleanUp(podUID: string): Promise<void> {
    const { podDirectory } = podDirectories(this.#deps.settings, podUID)
    const pod = readPodFile(podDirectory)
    if (pod) this.#tell(pod, false)
    else await this.#deps.runtime.removePod(podUID)
  }

  #tell(pod: Pod, isInAPI: boolean): void {
    const podUID = pod.metadata.uid ?? ''
    const known = this.#workers.get(podUID)
    if (known) {
      known.update(isInAPI ? pod : undefined)
      return
    }
    // The last news of a pod that has just been removed from here.
    if (!isInAPI && !this.#deps.runtime.podUIDs().includes(podUID)) return
    const worker = new PodWorker(pod, this.#deps, this.#signal, isInAPI)
    this.#workers.set(podUID, worker)
    void worker.done.then(() => this.#workers.delete(podUID))
  }
}
