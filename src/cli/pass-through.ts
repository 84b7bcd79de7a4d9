import type { ChildProcess } from 'node:child_process'
import { constants } from 'node:os'

/** Waits for a command that has our standard streams, hands our signals on to it, and tells its exit status as a shell would. */
export function passThrough(child: ChildProcess): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(signal, () => child.kill(signal))
  child.once('error', (cause: NodeJS.ErrnoException) => {
    reject(
      new Error(
        `Cannot run ${child.spawnfile}: ${cause.code === 'ENOENT' ? 'it is not installed' : cause.message}`,
        { cause },
      ),
    )
  })
  child.once('exit', (code, signal) =>
    resolve(code ?? 128 + (signal ? constants.signals[signal] : 0)),
  )
  return promise
}
