import type { RelayLimit } from './tcp-relay.ts'

/** Each takes a local port of the node, of which relays may leave only some thousands: see ../userspace/room.ts. */
const MAX_SPARE = 1000

export function createRelayLimit(most: number, mostSpare = MAX_SPARE): RelayLimit {
  const held = new Set<Disposable>()
  /** Of those held, in the order in which they became so. */
  const spare = new Set<Disposable>()
  let waiting: (() => void)[] = []
  const endAll = () => {
    for (const connection of [...held]) connection[Symbol.dispose]()
  }
  const endSpare = (most: number) => {
    for (const connection of spare) {
      if (spare.size <= most) break
      connection[Symbol.dispose]()
    }
  }
  return {
    enter(connection) {
      if (held.size >= most) endSpare(Math.max(0, spare.size - 1))
      if (held.size >= most) return false
      held.add(connection)
      return true
    },
    spare(connection) {
      spare.add(connection)
      endSpare(mostSpare)
    },
    leave(connection) {
      spare.delete(connection)
      if (!held.delete(connection) || held.size > 0) return
      for (const resolve of waiting) resolve()
      waiting = []
    },
    get size() {
      return held.size
    },
    async drained(drain) {
      const { promise, resolve } = Promise.withResolvers<void>()
      if (held.size === 0 || drain?.aborted) resolve()
      waiting.push(resolve)
      drain?.addEventListener('abort', () => resolve(), { once: true })
      await promise
      endAll()
    },
    endAll,
  }
}
