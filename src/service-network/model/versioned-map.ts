/**
 * A map that never changes, of which the next version costs what it changes. The newest version holds the entries; an older one knows in
 * what it differs from the one after it, and costs a step for each that came since.
 */
export interface VersionedMap<V> extends ReadonlyMap<string, V> {
  /** The next version. `undefined` takes a key out. Once for each version. */
  next(changes: ReadonlyMap<string, V | undefined>): VersionedMap<V>
  /** The keys in which `newer`, the version after this one, may differ; `undefined` where it is another one. */
  changesTo(newer: unknown): Iterable<string> | undefined
}

export function createVersionedMap<V>(): VersionedMap<V> {
  return new Version(new Map<string, V>())
}

class Version<V> implements VersionedMap<V> {
  readonly size: number
  /** Of the newest version: all entries. */
  private entriesHeld: Map<string, V> | undefined
  /** Of an older one. */
  private newer: Version<V> | undefined
  private differences: ReadonlyMap<string, V | undefined> = new Map()

  constructor(entries: Map<string, V>) {
    this.entriesHeld = entries
    this.size = entries.size
  }

  next(changes: ReadonlyMap<string, V | undefined>): VersionedMap<V> {
    const entries = this.entriesHeld
    if (!entries) throw new TypeError('Cannot make a version: there is a newer one')
    const differences = new Map<string, V | undefined>()
    for (const [key, value] of changes) {
      differences.set(key, entries.get(key))
      if (value === undefined) entries.delete(key)
      else entries.set(key, value)
    }
    this.entriesHeld = undefined
    this.differences = differences
    this.newer = new Version(entries)
    return this.newer
  }

  changesTo(newer: unknown): Iterable<string> | undefined {
    return this.newer !== undefined && this.newer === newer ? this.differences.keys() : undefined
  }

  get(key: string): V | undefined {
    let version: Version<V> = this
    while (version.newer) {
      if (version.differences.has(key)) return version.differences.get(key)
      version = version.newer
    }
    return version.entriesHeld?.get(key)
  }

  has(key: string): boolean {
    return this.get(key) !== undefined
  }

  entries(): MapIterator<[string, V]> {
    return this.entriesHeld?.entries() ?? this.entriesOfOlder()
  }

  private *entriesOfOlder(): MapIterator<[string, V]> {
    const older = new Map<string, V | undefined>()
    let version: Version<V> = this
    while (version.newer) {
      for (const [key, value] of version.differences) if (!older.has(key)) older.set(key, value)
      version = version.newer
    }
    for (const entry of version.entriesHeld ?? []) if (!older.has(entry[0])) yield entry
    for (const [key, value] of older) if (value !== undefined) yield [key, value]
  }

  keys(): MapIterator<string> {
    return this.entriesHeld?.keys() ?? this.entries().map(([key]) => key)
  }

  values(): MapIterator<V> {
    return this.entriesHeld?.values() ?? this.entries().map(([, value]) => value)
  }

  [Symbol.iterator](): MapIterator<[string, V]> {
    return this.entries()
  }

  forEach(call: (value: V, key: string, map: ReadonlyMap<string, V>) => void): void {
    for (const [key, value] of this.entries()) call(value, key, this)
  }
}
