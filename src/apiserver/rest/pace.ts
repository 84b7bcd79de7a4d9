import { setImmediate } from 'node:timers/promises'

/** The longest that a request may keep others waiting, where it can pause: most take a few milliseconds in all. */
const TURN_MS = 40

/** Lets other requests have a turn, where this one has worked for long: called between the steps of its work. */
export type Pace = () => Promise<void> | undefined

export function createPace(): Pace {
  let since = performance.now()
  return () => {
    if (performance.now() - since < TURN_MS) return undefined
    return setImmediate().then(() => {
      since = performance.now()
    })
  }
}
