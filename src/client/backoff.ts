export interface BackoffOptions {
  readonly baseMS: number
  readonly capMS: number
  /** A number in [0, 1). */
  readonly random?: () => number
}

/** The delay before try `attempt` (0 is the first repetition): doubled each time up to a cap, then jittered to 50-100 %. */
export function backoffDelay(
  attempt: number,
  { baseMS, capMS, random = Math.random }: BackoffOptions,
): number {
  const full = Math.min(capMS, baseMS * 2 ** Math.min(attempt, 30))
  return full * (0.5 + random() / 2)
}

/** Resolves after `ms`, or as soon as `signal` aborts: callers look at the signal themselves. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise((resolve) => {
    const finish = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', finish)
      resolve()
    }
    const timer = setTimeout(finish, ms)
    signal.addEventListener('abort', finish)
  })
}
