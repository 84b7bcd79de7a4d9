import { HeldItem } from './held-item.ts'
import type { StoredItem } from './store.ts'

/** An item whose value is still where the engine keeps it. */
export type UnreadItem = Omit<StoredItem, 'value'>

/** So many are put in their places one by one; more of them all at once. */
const FEW = 16

/**
 * The newest item of every key, in byte order: what most reads are answered from. Values that were there at the start
 * are read when they are first asked for: no start waits for them, and what nobody reads takes no memory.
 */
export class KeyIndex {
  readonly #items = new Map<string, StoredItem | UnreadItem>()
  readonly #read: (modRevision: number) => string
  /** Sorted. Kept beside the map, since lists go by prefix. */
  #keys: string[] = []
  /** Keys that have no place among them yet: many are created between two lists. */
  #added: string[] = []

  /** @param read The value that an item has had since that revision. */
  constructor(read: (modRevision: number) => string = allIsRead) {
    this.#read = read
  }

  get(key: string): StoredItem | undefined {
    const item = this.#items.get(key)
    return item && this.#whole(item)
  }

  #whole(item: StoredItem | UnreadItem): StoredItem {
    if ('value' in item) return item
    const { key, modRevision, createRevision } = item
    const value = this.#read(modRevision)
    const whole = new HeldItem({ key, value, modRevision, createRevision })
    this.#items.set(key, whole)
    return whole
  }

  set(item: StoredItem | UnreadItem): void {
    if (!this.#items.has(item.key)) this.#added.push(item.key)
    this.#items.set(item.key, item)
  }

  delete(key: string): void {
    if (!this.#items.delete(key)) return
    this.#placeAdded()
    this.#keys.splice(this.#lowerBound(key), 1)
  }

  #placeAdded(): void {
    if (this.#added.length > FEW) this.#keys = this.#keys.concat(this.#added).sort()
    else for (const key of this.#added) this.#keys.splice(this.#lowerBound(key), 0, key)
    this.#added = []
  }

  list(prefix: string, after: string | undefined, limit: number): [StoredItem[], number] {
    this.#placeAdded()
    const start =
      after !== undefined && after >= prefix ? this.#upperBound(after) : this.#lowerBound(prefix)
    const end = this.#lowerBound(endOfPrefix(prefix))
    const stop = Math.min(end, start + limit)
    const items = this.#keys.slice(start, stop).map((key) => this.#whole(this.#items.get(key)!))
    return [items, Math.max(0, end - stop)]
  }

  #lowerBound(key: string): number {
    let low = 0
    let high = this.#keys.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.#keys[middle]! < key) low = middle + 1
      else high = middle
    }
    return low
  }

  #upperBound(key: string): number {
    const at = this.#lowerBound(key)
    return this.#keys[at] === key ? at + 1 : at
  }
}

function allIsRead(modRevision: number): never {
  throw new Error(`Cannot read revision ${modRevision}: the index never had less than its value`)
}

/** The first key after all that start with `prefix`. Keys are ASCII: DNS names and slashes. */
export function endOfPrefix(prefix: string): string {
  return `${prefix}\u{10ffff}`
}
