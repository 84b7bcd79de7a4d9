import { setImmediate as nextTurn } from 'node:timers/promises'

/** How long a piece of work may keep others waiting. */
const TURN_MS = 10

/** Divides work of many small steps into turns of the event loop. */
export interface Pace {
  /** Whether this turn has lasted long enough. */
  isDue(): boolean
  /** Lets others go first. */
  rest(): Promise<void>
}

export function createPace(): Pace {
  let began = performance.now()
  return {
    isDue: () => performance.now() - began >= TURN_MS,
    async rest() {
      await nextTurn()
      began = performance.now()
    },
  }
}
