/** Keeps what was made for a text. What nobody has asked for lately is forgotten. */
export interface Cache<T> {
  /** What `make` said when it was last asked. */
  of(key: string, make: () => T): T
}

/**
 * Two generations: what the newer one lacks moves there from the older, which is dropped when the newer is full. So a
 * find costs no more than a look.
 * @param entries of a generation
 * @param characters Longer keys are not kept, so that nobody can fill the memory.
 */
export function createCache<T>({
  entries,
  characters,
}: {
  readonly entries: number
  readonly characters: number
}): Cache<T> {
  let newer = new Map<string, { readonly value: T }>()
  let older = newer
  return {
    of(key, make) {
      if (key.length > characters) return make()
      const found = newer.get(key)
      if (found) return found.value
      const entry = older.get(key) ?? { value: make() }
      if (newer.size >= entries) {
        older = newer
        newer = new Map()
      }
      newer.set(key, entry)
      return entry.value
    },
  }
}
