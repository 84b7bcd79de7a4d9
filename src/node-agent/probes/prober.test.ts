import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import {
  eagerDelaysMs,
  initialProbeState,
  nextProbeState,
  type ProbeKind,
  type ProbeOutcome,
} from './probe-state.ts'
import { type Clock, runProber } from './prober.ts'

const ok: ProbeOutcome = { kind: 'success' }
const bad: ProbeOutcome = { kind: 'failure', output: 'no' }

// Thresholds: https://kubernetes.io/docs/concepts/workloads/pods/probes/ (defaults: failureThreshold 3, successThreshold 1).
suite('nextProbeState() after', () => {
  const cases: readonly {
    name: string
    kind: ProbeKind
    outcomes: readonly ProbeOutcome[]
    successThreshold?: number
    want: string
  }[] = [
    { name: 'nothing, readiness', kind: 'readiness', outcomes: [], want: 'failure' },
    { name: 'nothing, liveness', kind: 'liveness', outcomes: [], want: 'success' },
    { name: 'nothing, startup', kind: 'startup', outcomes: [], want: 'unknown' },
    { name: 'one success', kind: 'readiness', outcomes: [ok], want: 'success' },
    {
      name: 'one success of two',
      kind: 'readiness',
      successThreshold: 2,
      outcomes: [ok],
      want: 'failure',
    },
    {
      name: 'two successes of two, apart',
      kind: 'readiness',
      successThreshold: 2,
      outcomes: [ok, bad, ok],
      want: 'failure',
    },
    { name: 'two failures', kind: 'liveness', outcomes: [bad, bad], want: 'success' },
    { name: 'three failures', kind: 'liveness', outcomes: [bad, bad, bad], want: 'failure' },
    {
      name: 'three failures, apart',
      kind: 'liveness',
      outcomes: [bad, bad, ok, bad],
      want: 'success',
    },
    { name: 'recovering', kind: 'readiness', outcomes: [ok, bad, bad, bad, ok], want: 'success' },
  ]
  for (const { name, kind, outcomes, successThreshold = 1, want } of cases) {
    test(name, () => {
      const probe = { successThreshold }
      const end = outcomes.reduce(
        (state, outcome) => nextProbeState(state, outcome, probe),
        initialProbeState(kind),
      )
      assert.equal(end.result, want)
    })
  }
})

test('eagerDelaysMs() stays within one period', () => {
  assert.deepEqual(eagerDelaysMs(1000), [100, 200, 400])
  assert.ok(eagerDelaysMs(10_000).reduce((sum, delay) => sum + delay) < 10_000)
})

/** Time passes only by sleeping. */
function fakeClock(): Clock {
  let now = 0
  return {
    now: () => now,
    sleep: async (ms) => {
      now += ms
    },
  }
}

interface Look {
  readonly at: number
  readonly outcome: ProbeOutcome['kind']
  readonly result: string
}

/** Probes against a program that answers `answers(now)`; gives the looks that counted. */
async function watch(
  kind: ProbeKind,
  answers: (now: number) => ProbeOutcome,
  untilMs: number,
  options: { initialDelaySeconds?: number; result?: 'success' } = {},
): Promise<readonly Look[]> {
  const clock = fakeClock()
  const abort = new AbortController()
  const looks: Look[] = []
  await runProber(
    {
      kind,
      probe: { periodSeconds: 10, initialDelaySeconds: options.initialDelaySeconds ?? 0 },
      startedAt: 0,
      ...(options.result ? { result: options.result } : {}),
      check: async () => {
        if (clock.now() >= untilMs) abort.abort()
        return answers(clock.now())
      },
      report: (outcome, { result }) =>
        looks.push({ at: clock.now(), outcome: outcome.kind, result }),
      isHeld: () => false,
    },
    clock,
    abort.signal,
  )
  return looks
}

suite('runProber()', () => {
  test('finds a program ready soon after it opens its port, and then looks each period', async () => {
    const looks = await watch('readiness', (now) => (now >= 250 ? ok : bad), 25_000)
    assert.deepEqual(
      looks.map(({ at }) => at),
      [300, 10_300, 20_300],
    )
    assert.equal(looks[0]?.result, 'success')
  })
  test('waits for the initial delay', async () => {
    const looks = await watch('readiness', () => ok, 12_000, { initialDelaySeconds: 5 })
    assert.deepEqual(
      looks.map(({ at }) => at),
      [5000],
    )
  })
  test('does not count early failures of a startup probe', async () => {
    const looks = await watch('startup', () => bad, 60_000)
    assert.deepEqual(
      looks.map(({ at, result }) => `${at} ${result}`),
      ['6300 unknown', '16300 unknown', '26300 failure'],
    )
  })
  test('ends a liveness probe with the third failure', async () => {
    const looks = await watch('liveness', () => bad, 60_000)
    assert.deepEqual(
      looks.map(({ at, result }) => `${at} ${result}`),
      ['0 success', '10000 success', '20000 failure'],
    )
  })
  test('lets what an earlier agent found stand until three failures', async () => {
    const looks = await watch('readiness', () => bad, 25_000, { result: 'success' })
    assert.deepEqual(
      looks.map(({ result }) => result),
      ['success', 'success', 'failure'],
    )
  })
})
