import { closeSync, type FSWatcher, openSync, readSync, truncateSync, watch } from 'node:fs'

/**
 * The file to which containers append their pod's UID when they have started and when they have ended. One file, one watch
 * (inotify), however many containers; and it works for those that an earlier agent started.
 */
export class Changes implements Disposable {
  readonly path: string
  readonly #watcher: FSWatcher
  readonly #listeners = new Map<string, Set<() => void>>()
  #offset = 0
  #rest = ''

  constructor(path: string) {
    this.path = path
    closeSync(openSync(path, 'a', 0o600))
    // What was written while no agent ran is seen by looking at the containers themselves. Writers append, so cutting is safe.
    truncateSync(path)
    this.#watcher = watch(path, { persistent: false }, () => this.#read())
  }

  subscribe(podUID: string, listener: () => void): () => void {
    const listeners = this.#listeners.get(podUID) ?? new Set()
    this.#listeners.set(podUID, listeners.add(listener))
    return () => {
      listeners.delete(listener)
      if (listeners.size === 0) this.#listeners.delete(podUID)
    }
  }

  /** Resolves at the pod's next change, or after `timeoutMs`. */
  next(podUID: string, timeoutMs: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const stop = this.subscribe(podUID, resolve)
    const timer = setTimeout(resolve, timeoutMs)
    return promise.finally(() => {
      clearTimeout(timer)
      stop()
    })
  }

  [Symbol.dispose](): void {
    this.#watcher.close()
    this.#listeners.clear()
  }

  #read(): void {
    const lines = (this.#rest + this.#readAppended()).split('\n')
    this.#rest = lines.pop() ?? ''
    for (const podUID of new Set(lines))
      for (const listener of [...(this.#listeners.get(podUID) ?? [])]) listener()
  }

  #readAppended(): string {
    const fd = openSync(this.path, 'r')
    const chunk = Buffer.alloc(4096)
    let text = ''
    try {
      for (let read = 1; read > 0; this.#offset += read) {
        read = readSync(fd, chunk, 0, chunk.length, this.#offset)
        text += chunk.toString('latin1', 0, read)
      }
    } finally {
      closeSync(fd)
    }
    return text
  }
}
