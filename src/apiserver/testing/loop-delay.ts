import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as delay } from 'node:timers/promises'

const RESOLUTION_MS = 5

export interface LoopDelay extends Disposable {
  /** How long the event loop stood still at most since the last call, in milliseconds. */
  take(): Promise<number>
}

/** Watches the event loop of this process, from inside: a stall counts whether or not anybody waited for an answer. */
export function watchLoopDelay(): LoopDelay {
  const histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
  histogram.enable()
  return {
    async take() {
      await delay(2 * RESOLUTION_MS) // a stall counts only once the histogram's own timer has fired
      const longest = Math.max(0, histogram.max / 1e6 - RESOLUTION_MS)
      histogram.reset()
      return Math.round(longest)
    },
    [Symbol.dispose]() {
      histogram.disable()
    },
  }
}
