/** Keeps what was made for a text; what was asked for longest ago goes first. */
export interface Cache<T> {
  /** What `make` said when it was last asked. */
  of(key: string, make: () => T): T
}

/** @param characters Longer keys are not kept, so that nobody can fill the memory. */
export function createCache<T>(bounds: {
  readonly entries: number
  readonly characters: number
}): Cache<T> {
  const kept = new Map<string, { readonly value: T }>()
  return {
    of(key, make) {
      if (key.length > bounds.characters) return make()
      const found = kept.get(key)
      if (found) kept.delete(key)
      const entry = found ?? { value: make() }
      kept.set(key, entry) // as the newest
      if (kept.size > bounds.entries) kept.delete(kept.keys().next().value!)
      return entry.value
    },
  }
}
