import type { Allocation, Pool } from './address-pool.ts'

/** What one request takes and gives back: all of it happens, or none. */
export class Transaction {
  readonly #onCommit: (() => void)[] = []
  readonly #onRollback: (() => void)[] = []

  /** Takes `wanted`, or any, now: nobody else can have it meanwhile. */
  take<T>(pool: Pool<T>, wanted?: T): Allocation<T> {
    const result = wanted === undefined ? pool.takeAny() : pool.take(wanted)
    if (result.kind === 'taken') this.#onRollback.push(() => pool.release(result.value))
    return result
  }

  /** Gives back at the commit: until then the old object still holds it. */
  release<T>(pool: Pool<T>, value: T): void {
    this.#onCommit.push(() => pool.release(value))
  }

  settle(stored: boolean): void {
    for (const action of stored ? this.#onCommit : this.#onRollback) action()
    this.#onCommit.length = 0
    this.#onRollback.length = 0
  }
}
