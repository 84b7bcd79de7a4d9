import { setTimeout as delay } from 'node:timers/promises'

interface WaitOptions {
  /** What is awaited, for the error: "agent to be ready". */
  readonly what: string
  /** How long it takes where it fails: {@link PATIENCE_MS}, unless less tells the same. */
  readonly timeoutMs?: number
}

/** How much longer everything may take: an emulated machine is ten and more times slower. */
export const timeFactor = Number(process.env.FAIRLEAD_TIME_FACTOR ?? 1)

/** Many times what anything takes: a machine may be slow, and busy with other tests. */
export const PATIENCE_MS = 60_000
const FIRST_PAUSE_MS = 2
const LONGEST_PAUSE_MS = 50

/** Asks `predicate` until it gives something true, and returns that. An error it throws counts as "not yet". @throws Error after the deadline */
export async function waitFor<T>(
  predicate: () => T | Promise<T>,
  { what, timeoutMs = PATIENCE_MS }: WaitOptions,
): Promise<NonNullable<T>> {
  const deadline = performance.now() + timeoutMs * timeFactor
  let cause: unknown
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
    try {
      const value = await predicate()
      if (value) return value
    } catch (error) {
      cause = error
    }
    if (performance.now() >= deadline) {
      throw new Error(`Cannot wait longer for ${what}: ${timeoutMs * timeFactor} ms are over`, {
        cause,
      })
    }
    await delay(pauseMs)
  }
}
