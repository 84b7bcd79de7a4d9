import type { Probe } from '#api/core.ts'
import {
  eagerDelaysMs,
  initialProbeState,
  nextProbeState,
  type ProbeKind,
  type ProbeOutcome,
  type ProbeState,
  probeTimes,
} from './probe-state.ts'

export interface Clock {
  now(): number
  /** Resolves early, and quietly, when the signal aborts. */
  sleep(ms: number, signal: AbortSignal): Promise<void>
}

export const systemClock: Clock = {
  now: () => Date.now(),
  sleep(ms, signal) {
    if (signal.aborted) return Promise.resolve()
    const { promise, resolve } = Promise.withResolvers<void>()
    const wake = () => resolve()
    const timer = setTimeout(wake, ms)
    signal.addEventListener('abort', wake)
    return promise.finally(() => {
      clearTimeout(timer)
      signal.removeEventListener('abort', wake)
    })
  },
}

export interface ProberOptions {
  readonly kind: ProbeKind
  readonly probe: Probe
  /** When the container started, in ms. */
  readonly startedAt: number
  /** What an earlier agent had found; it stands until a verdict changes it. */
  readonly result?: ProbeState['result']
  readonly check: (timeoutMs: number) => Promise<ProbeOutcome>
  /** After each look that counts. */
  readonly report: (outcome: ProbeOutcome, state: ProbeState) => void
  /** Readiness and liveness wait for the startup probe. */
  readonly isHeld: () => boolean
}

/** How soon a prober notices that the startup probe has succeeded. */
const HOLD_MS = 100

/** Probes one running container until `signal` aborts. Liveness and startup end with their first final failure: the container is stopped then. */
export async function runProber(
  options: ProberOptions,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  const { kind, probe, check, report, isHeld, startedAt } = options
  const { initialDelayMs, periodMs, timeoutMs } = probeTimes(probe)
  const initial = initialProbeState(kind)
  let state: ProbeState = { ...initial, result: options.result ?? initial.result }
  const eager =
    kind === 'liveness' || state.result === 'success' ? [] : [...eagerDelaysMs(periodMs)]
  await clock.sleep(Math.max(0, startedAt + initialDelayMs - clock.now()), signal)
  while (!signal.aborted) {
    if (isHeld()) {
      await clock.sleep(HOLD_MS, signal)
      continue
    }
    const outcome = await check(timeoutMs)
    if (signal.aborted) return
    const early = outcome.kind === 'failure' ? eager.shift() : undefined
    if (early === undefined) {
      if (outcome.kind === 'success') eager.length = 0
      state = nextProbeState(state, outcome, probe)
      report(outcome, state)
      if (kind === 'startup' && state.result !== 'unknown') return
      if (kind === 'liveness' && state.result === 'failure') return
    }
    await clock.sleep(early ?? periodMs, signal)
  }
}
