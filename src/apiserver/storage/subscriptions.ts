import type { StoreEvent, StoreListener } from './store.ts'

/** Live watches by prefix, so that the changes of a commit are sorted out once for all watches of one prefix. */
export class Subscriptions {
  readonly #byPrefix = new Map<string, Set<StoreListener>>()

  add(prefix: string, listener: StoreListener): Disposable {
    const group = this.#byPrefix.get(prefix) ?? new Set()
    group.add(listener)
    this.#byPrefix.set(prefix, group)
    return {
      [Symbol.dispose]: () => {
        group.delete(listener)
        if (group.size === 0 && this.#byPrefix.get(prefix) === group) this.#byPrefix.delete(prefix)
      },
    }
  }

  publish(events: readonly StoreEvent[]): void {
    for (const [prefix, group] of this.#byPrefix) {
      const matching = events.filter((event) => keyOf(event).startsWith(prefix))
      if (matching.length === 0) continue
      for (const listener of [...group]) this.#tell(group, listener, matching)
    }
  }

  /** The store and its other listeners go on, whatever one of them does. */
  #tell(group: Set<StoreListener>, listener: StoreListener, events: readonly StoreEvent[]): void {
    try {
      listener.changed(events)
    } catch (cause) {
      group.delete(listener)
      listener.failed(new Error('Cannot watch on: the listener failed', { cause }))
    }
  }

  fail(error: Error): void {
    const listeners = [...this.#byPrefix.values()].flatMap((group) => [...group])
    this.#byPrefix.clear()
    for (const listener of listeners) listener.failed(error)
  }
}

const keyOf = (event: StoreEvent): string => (event.type === 'put' ? event.item.key : event.key)
