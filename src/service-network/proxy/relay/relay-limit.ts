import type { RelayLimit } from './tcp-relay.ts'

export function createRelayLimit(most: number): RelayLimit {
  const held = new Set<Disposable>()
  let waiting: (() => void)[] = []
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
    empty: () =>
      held.size === 0 ? Promise.resolve() : new Promise((resolve) => waiting.push(resolve)),
    endAll() {
      for (const connection of [...held]) connection[Symbol.dispose]()
    },
  }
}
