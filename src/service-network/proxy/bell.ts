/** Rung by many, heard by one: however often it rings between two waits, it was one ring. */
export interface Bell {
  ring(): void
  /** Forgets what rang so far. */
  silence(): void
  /** Resolves `true` once it has rung, `false` when time or `signal` ran out first. */
  wait(timeoutMs: number, signal: AbortSignal): Promise<boolean>
}

export function createBell(): Bell {
  let rang = false
  let wake: (() => void) | undefined
  return {
    ring() {
      rang = true
      wake?.()
    },
    silence() {
      rang = false
    },
    async wait(timeoutMs, signal) {
      if (rang || signal.aborted) return rang
      const { promise, resolve } = Promise.withResolvers<void>()
      wake = resolve
      const timer = setTimeout(resolve, timeoutMs)
      signal.addEventListener('abort', wake, { once: true })
      await promise
      clearTimeout(timer)
      signal.removeEventListener('abort', wake)
      wake = undefined
      return rang
    },
  }
}
