import { flushCompileCache } from 'node:module'
import type { Log } from '#log/log.ts'
import { untilSignal } from './until-signal.ts'

const FLUSH_AFTER_MS = 10_000

/** Runs a daemon until SIGTERM or SIGINT. What it throws ends the process with 1, and the log says why. */
export async function runDaemon(
  log: Log,
  run: (log: Log, signal: AbortSignal) => Promise<void>,
): Promise<never> {
  const signal = untilSignal()
  log.info('starting', { pid: process.pid })
  // Node writes its compile cache at a clean exit only; a daemon may never have one.
  setTimeout(flushCompileCache, FLUSH_AFTER_MS).unref()
  try {
    await run(log, signal)
    log.info('stopped')
    process.exit(0)
  } catch (error) {
    log.error('ended', { error })
    // Not left to an empty event loop: listeners and informers of the half that still runs would keep it alive.
    process.exit(signal.aborted ? 0 : 1)
  }
}
