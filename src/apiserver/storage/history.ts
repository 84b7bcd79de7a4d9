import { bytesOf } from './held-item.ts'
import { revisionOf, type StoreEvent } from './store.ts'

/** The newest changes, so that a watch that begins a little back need not ask the engine. */
export class History {
  readonly #maxEvents: number
  readonly #maxCharacters: number
  #events: StoreEvent[] = []
  #characters = 0
  /** Every change after this revision is here. */
  #floor: number

  constructor(floor: number, maxEvents = 8192, maxCharacters = 8 * 1024 * 1024) {
    this.#floor = floor
    this.#maxEvents = maxEvents
    this.#maxCharacters = maxCharacters
  }

  add(events: readonly StoreEvent[]): void {
    for (const event of events) {
      this.#events.push(event)
      this.#characters += sizeOf(event)
    }
    if (this.#events.length > this.#maxEvents || this.#characters > this.#maxCharacters)
      this.#trim()
  }

  /** Undefined where some of them are not here any more. */
  after(revision: number): readonly StoreEvent[] | undefined {
    if (revision < this.#floor) return undefined
    return this.#events.slice(this.#firstAfter(revision))
  }

  /** What is compacted is not told, though it may be here. */
  forget(revision: number): void {
    this.#floor = Math.max(this.#floor, revision)
  }

  /** Forgets half: rarely, and then many. */
  #trim(): void {
    let drop = 0
    let characters = this.#characters
    while (
      drop < this.#events.length &&
      (drop < this.#events.length / 2 || characters > this.#maxCharacters / 2)
    )
      characters -= sizeOf(this.#events[drop++]!)
    this.#floor = Math.max(this.#floor, revisionOf(this.#events[drop - 1]!))
    this.#events = this.#events.slice(drop)
    this.#characters = characters
  }

  #firstAfter(revision: number): number {
    let low = 0
    let high = this.#events.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (revisionOf(this.#events[middle]!) <= revision) low = middle + 1
      else high = middle
    }
    return low
  }
}

const sizeOf = (event: StoreEvent): number =>
  (event.type === 'put' ? bytesOf(event.item).length : 0) + 200
