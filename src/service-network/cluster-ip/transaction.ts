import type { Owner } from './claims.ts'
import type { Allocation, Pool } from './pool.ts'

/** What one request for one Service takes and gives back: all of it happens, or none. */
export class Transaction {
  readonly #owner: Owner
  readonly #onCommit: (() => Promise<void>)[] = []
  readonly #onRollback: (() => Promise<void>)[] = []

  constructor(owner: Owner) {
    this.#owner = owner
  }

  /** Takes `wanted`, or any, now: nobody else can have it meanwhile. */
  async take<T>(pool: Pool<T>, wanted?: T): Promise<Allocation<T>> {
    const result = await (wanted === undefined
      ? pool.takeAny(this.#owner)
      : pool.take(wanted, this.#owner))
    if (result.kind === 'taken') {
      this.#onRollback.push(() => pool.release(result.value, this.#owner))
    }
    return result
  }

  /** Gives back at the commit: until then the old object still holds it. */
  release<T>(pool: Pool<T>, value: T): void {
    this.#onCommit.push(() => pool.release(value, this.#owner))
  }

  /** @throws AggregateError of what could not be given back: the repair will do it. */
  async settle(stored: boolean): Promise<void> {
    const actions = stored ? this.#onCommit : this.#onRollback
    const results = await Promise.allSettled(actions.splice(0).map((action) => action()))
    this.#onCommit.length = 0
    this.#onRollback.length = 0
    const errors = results.flatMap((result) =>
      result.status === 'rejected' ? [result.reason] : [],
    )
    if (errors.length > 0) throw new AggregateError(errors, 'Cannot give back what was allocated')
  }
}
