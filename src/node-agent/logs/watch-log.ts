import { type FSWatcher, watch } from 'node:fs'
import type { ContainerRef, Runtime } from '../runtimes/runtime.ts'
import type { LogSource } from './read-entries.ts'

/** How long a look at a followed log may come late, where no notice of a change reached us. */
const LOOK_AGAIN_MS = 250

/** A container's log, for as long as something may be written to it. */
export function watchLog(
  runtime: Pick<Runtime, 'logPath' | 'watch' | 'isLogComplete'>,
  container: ContainerRef,
): LogSource & Disposable {
  const path = runtime.logPath(container)
  let news = Promise.withResolvers<void>()
  const wake = () => news.resolve()
  let watcher: FSWatcher | undefined
  const rewatch = () => {
    watcher?.close()
    try {
      // Once the file has been put aside another one is written.
      watcher = watch(path, { persistent: false }, (event) => {
        if (event === 'rename') rewatch()
        wake()
      })
    } catch {
      watcher = undefined // nothing is written yet
    }
  }
  rewatch()
  const stop = runtime.watch(container.podUID, wake)
  return {
    path,
    isOpen: () => !runtime.isLogComplete(container),
    async news() {
      const timer = setTimeout(() => {
        if (!watcher) rewatch()
        wake()
      }, LOOK_AGAIN_MS)
      await news.promise
      clearTimeout(timer)
      news = Promise.withResolvers()
    },
    [Symbol.dispose]() {
      watcher?.close()
      stop()
      wake()
    },
  }
}
