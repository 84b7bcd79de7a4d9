/** For each item whether one before it has the same key; in one pass, since lists may have tens of thousands of items. */
export function findRepeats<T>(items: readonly T[], keyOf: (item: T) => unknown): boolean[] {
  const seen = new Set<unknown>()
  return items.map((item) => {
    const key = keyOf(item)
    const isRepeat = seen.has(key)
    seen.add(key)
    return isRepeat
  })
}
