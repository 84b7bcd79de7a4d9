/** Runs what has the same key one after the other. */
export function createTurns(): <T>(key: string, fn: () => Promise<T>) => Promise<T> {
  const last = new Map<string, Promise<unknown>>()
  return (key, fn) => {
    const turn = (last.get(key) ?? Promise.resolve()).then(fn, fn)
    last.set(key, turn)
    const forget = () => {
      if (last.get(key) === turn) last.delete(key)
    }
    turn.then(forget, forget)
    return turn
  }
}
