import type { ObservedState } from '../runtimes/runtime.ts'

// The kubelet's: 10 s, doubled by each crash up to 5 minutes, forgotten by a container that ran for twice as long as that.
const INITIAL_MS = 10_000
const MAX_MS = 300_000
const FORGET_MS = 2 * MAX_MS

/** An attempt that has ended, and how long its restart was to wait. */
export interface EndedAttempt {
  readonly backOffMs: number
  readonly state: Extract<ObservedState, { readonly kind: 'exited' }>
}

/** When the next attempt may start. The first restart does not wait (its `backOffMs` is 0). */
export function restartAt({ backOffMs, state }: EndedAttempt): number {
  return state.finishedAt.getTime() + (ranLong(state) ? 0 : backOffMs)
}

/** The back-off that the next attempt is to have. */
export function nextBackOffMs({ backOffMs, state }: EndedAttempt): number {
  if (ranLong(state) || backOffMs === 0) return INITIAL_MS
  return Math.min(2 * backOffMs, MAX_MS)
}

function ranLong({ startedAt, finishedAt }: EndedAttempt['state']): boolean {
  return finishedAt.getTime() - startedAt.getTime() > FORGET_MS
}
