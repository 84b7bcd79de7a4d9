import { setImmediate } from 'node:timers/promises'
import type { Pace } from '#api/steps.ts'

export type { Pace } from '#api/steps.ts'

/** The longest that a request may keep others waiting, where it can pause: most take a few milliseconds in all. */
const TURN_MS = 40

/** Lets other requests have a turn, where this one has worked for long: called between the steps of its work. */
export function createPace(): Pace {
  let since = performance.now()
  return () => {
    if (performance.now() - since < TURN_MS) return undefined
    return setImmediate().then(() => {
      since = performance.now()
    })
  }
}
