import type { StoredItem } from './store.ts'

/** The newest item of every key, in byte order: what most reads are answered from. */
export class KeyIndex {
  readonly #items = new Map<string, StoredItem>()
  /** Sorted. Kept beside the map, since lists go by prefix. */
  readonly #keys: string[] = []

  get(key: string): StoredItem | undefined {
    return this.#items.get(key)
  }

  set(item: StoredItem): void {
    if (!this.#items.has(item.key)) this.#keys.splice(this.#lowerBound(item.key), 0, item.key)
    this.#items.set(item.key, item)
  }

  delete(key: string): void {
    if (this.#items.delete(key)) this.#keys.splice(this.#lowerBound(key), 1)
  }

  list(prefix: string, after: string | undefined, limit: number): [StoredItem[], number] {
    const start =
      after !== undefined && after >= prefix ? this.#upperBound(after) : this.#lowerBound(prefix)
    const end = this.#lowerBound(endOfPrefix(prefix))
    const stop = Math.min(end, start + limit)
    const items = this.#keys.slice(start, stop).map((key) => this.#items.get(key)!)
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

/** The first key after all that start with `prefix`. Keys are ASCII: DNS names and slashes. */
export function endOfPrefix(prefix: string): string {
  return `${prefix}\u{10ffff}`
}
