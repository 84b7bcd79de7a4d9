import type { Probe } from '#api/core.ts'

export type ProbeKind = 'readiness' | 'liveness' | 'startup'

export type ProbeOutcome =
  | { readonly kind: 'success' }
  /** `output` ends the event's message. */
  | { readonly kind: 'failure'; readonly output: string }

/** Where a probe stands: `result` is what counts, `run` how often the last outcome came in a row. */
export interface ProbeState {
  readonly result: 'success' | 'failure' | 'unknown'
  readonly last: ProbeOutcome['kind'] | undefined
  readonly run: number
}

/** Until the first verdict a container is not ready, is alive, and its start is not decided. */
export function initialProbeState(kind: ProbeKind): ProbeState {
  const result = { readiness: 'failure', liveness: 'success', startup: 'unknown' } as const
  return { result: result[kind], last: undefined, run: 0 }
}

/** A verdict changes after `failureThreshold` failures or `successThreshold` successes in a row. */
export function nextProbeState(state: ProbeState, outcome: ProbeOutcome, probe: Probe): ProbeState {
  const run = state.last === outcome.kind ? state.run + 1 : 1
  const threshold =
    outcome.kind === 'success' ? (probe.successThreshold ?? 1) : (probe.failureThreshold ?? 3)
  return {
    result: run >= threshold ? outcome.kind : state.result,
    last: outcome.kind,
    run,
  }
}

/** The API's defaults, for objects that did not pass through an API server. */
export function probeTimes(probe: Probe) {
  return {
    initialDelayMs: (probe.initialDelaySeconds ?? 0) * 1000,
    periodMs: (probe.periodSeconds || 10) * 1000,
    timeoutMs: (probe.timeoutSeconds || 1) * 1000,
  }
}

const EAGER_MS = 100

/**
 * When to look again at a container that has not succeeded yet: soon, then ever less often until the period is reached. A program
 * takes a fraction of a second to open its port; waiting a whole period (10 s) for what was a matter of 0.1 s would make
 * every start slow. Failures of these early looks do not count and are not reported: only those at the period do.
 */
export function eagerDelaysMs(periodMs: number): readonly number[] {
  const delays: number[] = []
  for (let delay = EAGER_MS, sum = 0; sum + delay < periodMs; delay *= 2) {
    delays.push(delay)
    sum += delay
  }
  return delays
}
