/** What clients know of the objects they wrote, and whether what the server shows agrees with it. */

export interface ObjectState {
  readonly value: string
  readonly resourceVersion: number
}

/** A write that was sent. `value` undefined: a deletion. */
export interface Attempt {
  readonly name: string
  readonly value: string | undefined
}

export interface Observed {
  readonly type: string
  readonly name: string
  readonly value: string
  readonly resourceVersion: number
}

interface AcknowledgedPut extends Attempt {
  readonly answeredAt: number
}

/** Each object has one writer, who waits for one answer before the next write: its order is known. */
export class Ledger {
  readonly #acknowledged = new Map<string, ObjectState | undefined>()
  readonly #pending = new Map<string, Attempt>()
  /** When the newest answer about each object was read. */
  readonly #answeredAt = new Map<string, number>()
  /** Acknowledged puts by their revision: every one must be heard of, once. */
  readonly #puts = new Map<number, AcknowledgedPut>()
  readonly #seen = new Map<number, Observed>()
  readonly #watched = new Map<string, ObjectState & { readonly heardAt: number }>()
  #lastSeen = 0
  #endedAt: number | undefined
  acknowledged = 0
  uncertain = 0

  stateOf(name: string): ObjectState | undefined {
    return this.#acknowledged.get(name)
  }

  sent(attempt: Attempt): void {
    this.#pending.set(attempt.name, attempt)
  }

  /** @param resourceVersion That of the answer; a deletion's is in no answer */
  confirmed(attempt: Attempt, resourceVersion: number | undefined): void {
    const answeredAt = performance.now()
    this.#pending.delete(attempt.name)
    this.#answeredAt.set(attempt.name, answeredAt)
    this.acknowledged++
    if (attempt.value === undefined) this.#acknowledged.set(attempt.name, undefined)
    else {
      this.#acknowledged.set(attempt.name, {
        value: attempt.value,
        resourceVersion: resourceVersion!, // every object has one
      })
      this.#puts.set(resourceVersion!, { ...attempt, answeredAt })
    }
  }

  refused(attempt: Attempt): void {
    this.#pending.delete(attempt.name)
  }

  /** A server's end begins now: errors tell how long before or after it what they are about was read. */
  endBegins(): void {
    this.#endedAt = performance.now()
  }

  /** @throws Error for an event that is lost, doubled or out of order as far as one can see here */
  heard(event: Observed): void {
    const { resourceVersion, name, type, value } = event
    this.passed(resourceVersion)
    this.#seen.set(resourceVersion, event)
    const before = this.#watched.get(name)
    if ((type === 'ADDED') !== (before === undefined))
      throw new Error(
        `${type} of ${name} at ${resourceVersion}, which was ${before ? 'there' : 'not there'}`,
      )
    if (type === 'DELETED') this.#watched.delete(name)
    else this.#watched.set(name, { value, resourceVersion, heardAt: performance.now() })
  }

  /** An event of something else. */
  passed(resourceVersion: number): void {
    if (resourceVersion <= this.#lastSeen)
      throw new Error(
        `an event of revision ${resourceVersion} came after that of ${this.#lastSeen}`,
      )
    this.#lastSeen = resourceVersion
  }

  get lastSeen(): number {
    return this.#lastSeen
  }

  /**
   * Compares a list, and the events up to its revision, with what was acknowledged; what was not is settled by it.
   * @throws Error that says what is wrong
   */
  check(listed: ReadonlyMap<string, ObjectState>, revision: number): void {
    for (const [name, state] of this.#acknowledged) this.#checkOne(name, state, listed.get(name))
    for (const name of this.#pending.keys())
      if (!this.#acknowledged.has(name)) this.#checkOne(name, undefined, listed.get(name))
    for (const name of listed.keys())
      if (!this.#acknowledged.has(name)) throw new Error(`${name} is there, and nobody made it`)
    for (const [resourceVersion, { name, value, answeredAt }] of this.#puts) {
      const when = this.#showTime(answeredAt)
      if (resourceVersion > revision)
        throw new Error(`revision ${resourceVersion} was acknowledged${when}, and is gone`)
      const event = this.#seen.get(resourceVersion)
      if (event?.name !== name || event.value !== value)
        throw new Error(
          `the watch lost the write of ${name} at ${resourceVersion}, which was acknowledged${when}`,
        )
    }
    this.#checkReplay(listed)
    this.#puts.clear()
    this.#seen.clear()
    this.#endedAt = undefined
  }

  #checkOne(name: string, state: ObjectState | undefined, found: ObjectState | undefined): void {
    const pending = this.#pending.get(name)
    const isOld = found?.resourceVersion === state?.resourceVersion && found?.value === state?.value
    if (!isOld) {
      const isNew =
        pending !== undefined &&
        pending.value === found?.value &&
        (found === undefined || found.resourceVersion > (state?.resourceVersion ?? 0))
      if (!isNew)
        throw new Error(
          `${name} was acknowledged as ${show(state)}${this.#showTime(this.#answeredAt.get(name))}${pending ? `, ${pending.value ?? 'a deletion'} was under way` : ''}, and is ${show(found)}`,
        )
    }
    if (pending) this.uncertain++
    this.#pending.delete(name)
    this.#acknowledged.set(name, found)
  }

  #showTime(readAt: number | undefined): string {
    if (this.#endedAt === undefined || readAt === undefined) return ''
    const after = readAt - this.#endedAt
    return ` ${Math.abs(after).toFixed(1)} ms ${after < 0 ? 'before' : 'after'} the end began`
  }

  /** All events after each other lead to what is there. */
  #checkReplay(listed: ReadonlyMap<string, ObjectState>): void {
    for (const [name, state] of listed) {
      const watched = this.#watched.get(name)
      if (watched?.resourceVersion !== state.resourceVersion || watched.value !== state.value)
        throw new Error(
          `the watch left ${name} as ${show(watched)}${this.#showTime(watched?.heardAt)}, and it is ${show(state)}`,
        )
    }
    for (const name of this.#watched.keys())
      if (!listed.has(name)) throw new Error(`the watch has not told that ${name} is gone`)
  }
}

const show = (state: ObjectState | undefined): string =>
  state ? `${state.value} @${state.resourceVersion}` : 'not there'
