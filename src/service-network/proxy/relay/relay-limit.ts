import type { RelayLimit } from './tcp-relay.ts'

export function createRelayLimit(most: number): RelayLimit {
  const held = new Set<Disposable>()
  let waiting: (() => void)[] = []
  const endAll = () => {
    for (const connection of [...held]) connection[Symbol.dispose]()
  }
  return {
    enter(connection) {
      if (held.size >= most) return false
      held.add(connection)
      return true
    },
    leave(connection) {
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
