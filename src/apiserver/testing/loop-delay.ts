import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as delay } from 'node:timers/promises'

const RESOLUTION_MS = 5

/** In milliseconds. */
export interface Stall {
  /** How long the event loop stood still at most. */
  readonly wall: number
  /** How long its thread computed at most without a turn for others: this does not depend on what else the machine does. */
  readonly cpu: number
}

export interface LoopDelay extends Disposable {
  /** The longest since the last call. */
  take(): Promise<Stall>
}

/** Watches the event loop of this process, from inside: a stall counts whether or not anybody waited for an answer. */
export function watchLoopDelay(): LoopDelay {
  const histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
  histogram.enable()
  let before = threadMs()
  let longest = 0
  const timer = setInterval(() => {
    const now = threadMs()
    longest = Math.max(longest, now - before)
    before = now
  }, RESOLUTION_MS)
  timer.unref()
  return {
    async take() {
      await delay(2 * RESOLUTION_MS) // a stall counts only once the histogram's own timer has fired
      const wall = Math.max(0, histogram.max / 1e6 - RESOLUTION_MS)
      const cpu = longest
      histogram.reset()
      longest = 0
      return { wall: Math.round(wall), cpu: Math.round(cpu) }
    },
    [Symbol.dispose]() {
      histogram.disable()
      clearInterval(timer)
    },
  }
}

function threadMs(): number {
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1000
}
