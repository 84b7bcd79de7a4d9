/** Lists and maps that a loop makes. Nobody else sees them before its end: so they grow in place. */
import { ArrayList, Dict, type Key, keyOf, type List, MapDict, type Value } from './values.ts'

export class GrowingList extends ArrayList {
  override readonly items: Value[] = []
  constructor() {
    super([])
  }
  override join(other: List): Value {
    for (const item of other) this.items.push(item)
    return this
  }
  settle(): Value {
    return new ArrayList(this.items)
  }
}

export class GrowingDict extends Dict {
  readonly #entries = new Map<Key, readonly [Value, Value]>()
  override get size(): number {
    return this.#entries.size
  }
  override find(key: Value): Value | undefined {
    return this.#entries.get(keyOf(key))?.[1]
  }
  override *keys(): Iterable<Value> {
    for (const [key] of this.#entries.values()) yield key
  }
  insert(key: Value, value: Value): void {
    this.#entries.set(keyOf(key), [key, value])
  }
  settle(): Value {
    return new MapDict(this.#entries)
  }
}
