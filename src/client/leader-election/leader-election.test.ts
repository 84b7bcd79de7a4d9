import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { Lease } from '#api/coordination.ts'
import { leases } from '#api/resources.ts'
import { silentLog } from '#log/log.ts'
import { createFakeAPI } from '../fake-api.ts'
import { observe, planClaim, planRelease } from './claim.ts'
import { type Clock, runAsLeader } from './leader-election.ts'

/** Time that passes only when a test lets it. */
function createClock(startMs = 0, offsetMs = 0) {
  const waiting = new Set<{ at: number; wake: () => void }>()
  let nowMs = startMs
  const clock: Clock = {
    monotonicMs: () => nowMs,
    now: () => new Date(nowMs + offsetMs),
    pause(ms, signal) {
      if (signal.aborted) return Promise.resolve()
      const { promise, resolve } = Promise.withResolvers<void>()
      const entry = { at: nowMs + ms, wake: resolve }
      waiting.add(entry)
      signal.addEventListener('abort', () => entry.wake(), { once: true })
      return promise.finally(() => waiting.delete(entry))
    },
  }
  /** In small steps, and after each all that follows from it. */
  const pass = async (ms: number) => {
    for (const end = nowMs + ms; nowMs < end; ) {
      nowMs = Math.min(end, nowMs + 100)
      for (const entry of [...waiting]) if (entry.at <= nowMs) entry.wake()
      for (let i = 0; i < 10; i++) await new Promise((resolve) => setImmediate(resolve))
    }
  }
  return { clock, pass }
}

const where = { namespace: 'kube-system', name: 'test' }

function createCandidate(identity: string, api: ReturnType<typeof createFakeAPI>, clock: Clock) {
  const stop = new AbortController()
  const terms: string[] = []
  let failure: Error | undefined
  const own = {
    ...api,
    get: (...args: Parameters<typeof api.get>) =>
      failure ? Promise.reject(failure) : api.get(...args),
    update: (...args: Parameters<typeof api.update>) =>
      failure ? Promise.reject(failure) : api.update(...args),
  } as typeof api
  const done = runAsLeader(
    { api: own, clock, log: silentLog, random: () => 0 },
    { ...where, identity },
    async (signal) => {
      terms.push('began')
      await clock.pause(Number.POSITIVE_INFINITY, signal)
      terms.push('ended')
    },
    stop.signal,
  )
  return {
    terms,
    done,
    stop: () => stop.abort(),
    disconnect: () => {
      failure = new Error('the network is gone')
    },
    connect: () => {
      failure = undefined
    },
  }
}

// What is expected: client-go tools/leaderelection, its documentation and tests.
suite('runAsLeader()', () => {
  test('leads alone, renews every two seconds, and gives the lease up at its end', async () => {
    const { clock, pass } = createClock(1_000_000)
    const api = createFakeAPI()
    const a = createCandidate('a', api, clock)
    await pass(100)
    assert.deepEqual(a.terms, ['began'])
    const first = await api.get(leases, where)
    assert.equal(first?.spec?.holderIdentity, 'a')
    assert.equal(first?.spec?.leaseDurationSeconds, 15)
    assert.equal(first?.spec?.leaseTransitions, 0)
    assert.match(first?.spec?.renewTime ?? '', /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/)
    const before = api.requests.length
    await pass(10_000)
    const updates = api.requests.slice(before)
    assert.equal(updates.length, 5, updates.join())
    assert.ok(updates.every((request) => request.startsWith('update')))
    const renewed = await api.get(leases, where)
    assert.equal(renewed?.spec?.acquireTime, first?.spec?.acquireTime)
    a.stop()
    await pass(100)
    await a.done
    assert.deepEqual(a.terms, ['began', 'ended'])
    const released = await api.get(leases, where)
    assert.equal(released?.spec?.holderIdentity, '')
    assert.equal(released?.spec?.leaseDurationSeconds, 1)
  })

  test('a second candidate takes over as soon as the first gives up, and counts the transition', async () => {
    const { clock, pass } = createClock()
    const api = createFakeAPI()
    const a = createCandidate('a', api, clock)
    await pass(100)
    const b = createCandidate('b', api, clock)
    await pass(60_000)
    assert.deepEqual([a.terms, b.terms], [['began'], []])
    a.stop()
    await pass(2_500)
    assert.deepEqual([a.terms, b.terms], [['began', 'ended'], ['began']])
    // A release is one transition more for who takes it, as upstream counts.
    assert.equal((await api.get(leases, where))?.spec?.leaseTransitions, 1)
    b.stop()
    await pass(100)
    await b.done
  })

  test('a leader that cannot renew stops after ten seconds, before another begins after fifteen', async () => {
    const { clock, pass } = createClock()
    const api = createFakeAPI()
    const a = createCandidate('a', api, clock)
    await pass(100)
    const b = createCandidate('b', api, clock)
    await pass(5_000)
    a.disconnect()
    await pass(9_000)
    assert.deepEqual([a.terms, b.terms], [['began'], []])
    await pass(3_500)
    assert.deepEqual([a.terms, b.terms], [['began', 'ended'], []])
    await pass(5_500)
    assert.deepEqual([a.terms, b.terms], [['began', 'ended'], ['began']])
    a.connect()
    await pass(30_000)
    assert.deepEqual([a.terms, b.terms], [['began', 'ended'], ['began']])
    a.stop()
    b.stop()
    await pass(100)
    await Promise.all([a.done, b.done])
  })

  test("trusts no other's clock: a leader ten minutes behind, or ahead, keeps its lease", async () => {
    for (const offsetMs of [-600_000, 600_000]) {
      const { clock, pass } = createClock(1_000_000)
      const skewed: Clock = { ...clock, now: () => new Date(clock.monotonicMs() + offsetMs) }
      const api = createFakeAPI()
      const a = createCandidate('a', api, skewed)
      await pass(100)
      const b = createCandidate('b', api, clock)
      await pass(60_000)
      assert.deepEqual([a.terms, b.terms], [['began'], []])
      a.disconnect()
      await pass(20_000)
      assert.deepEqual(b.terms, ['began'])
      a.stop()
      b.stop()
      await pass(100)
      await Promise.all([a.done, b.done])
    }
  })

  test('begins anew when its lease is taken away, or deleted', async () => {
    const { clock, pass } = createClock()
    const api = createFakeAPI()
    const a = createCandidate('a', api, clock)
    await pass(100)
    await api.delete(leases, where)
    await pass(3_000)
    assert.equal((await api.get(leases, where))?.spec?.holderIdentity, 'a')
    assert.deepEqual(a.terms, ['began'])
    const lease = (await api.get(leases, where))!
    await api.update(leases, { ...lease, spec: { ...lease.spec, holderIdentity: 'x' } })
    await pass(13_000)
    assert.deepEqual(a.terms, ['began', 'ended'])
    await pass(15_000)
    assert.deepEqual(a.terms, ['began', 'ended', 'began'])
    a.stop()
    await pass(100)
    await a.done
  })

  test('ends with what its work throws, and gives the lease up', async () => {
    const { clock, pass } = createClock()
    const api = createFakeAPI()
    const done = runAsLeader(
      { api, clock, log: silentLog },
      { ...where, identity: 'a' },
      async () => {
        throw new Error('the work failed')
      },
      new AbortController().signal,
    )
    const refused = assert.rejects(done, { message: 'the work failed' })
    await pass(3_000)
    await refused
    assert.equal((await api.get(leases, where))?.spec?.holderIdentity, '')
  })

  // leaderelection.go NewLeaderElector
  const times = [
    {
      leaseDurationMs: 10_000,
      renewDeadlineMs: 10_000,
      want: /leaseDuration must be greater than renewDeadline/,
    },
    { retryPeriodMs: 9_000, want: /renewDeadline must be greater than retryPeriod\*JitterFactor/ },
  ]
  for (const { want, ...options } of times)
    test(`refuses ${JSON.stringify(options)}`, () =>
      assert.rejects(
        runAsLeader(
          { api: createFakeAPI(), log: silentLog },
          { ...where, identity: 'a', ...options },
          async () => {},
          new AbortController().signal,
        ),
        want,
      ))
})

suite('planClaim()', () => {
  const claim = { identity: 'a', leaseDurationSeconds: 15, nowMs: 100_000, time: 'now' }
  const leaseOf = (spec: Lease['spec']): Lease => ({
    metadata: { name: 'x' },
    ...(spec && { spec }),
  })
  const held = {
    holderIdentity: 'b',
    leaseDurationSeconds: 15,
    leaseTransitions: 3,
    acquireTime: 'then',
  }
  const cases = [
    { name: 'an empty one', spec: undefined, atMs: 99_999, want: [0 + 1, 'now'] },
    { name: "another's, seen to change just now", spec: held, atMs: 99_999, want: undefined },
    {
      name: "another's, silent for as long as it lasts",
      spec: held,
      atMs: 85_000,
      want: [4, 'now'],
    },
    { name: "another's, silent for a little less", spec: held, atMs: 85_001, want: undefined },
    { name: 'one given up', spec: planRelease(held, 'x'), atMs: 99_999, want: [4, 'now'] },
    { name: 'the own', spec: { ...held, holderIdentity: 'a' }, atMs: 0, want: [3, 'then'] },
  ]
  for (const { name, spec, atMs, want } of cases)
    test(name, () => {
      const found = planClaim({ lease: leaseOf(spec), atMs }, claim)
      assert.deepEqual(found && [found.leaseTransitions, found.acquireTime], want)
    })

  test('counts the time from a change of what the holder writes, not of anything', () => {
    const first = observe(undefined, leaseOf(held), 1)
    assert.equal(
      observe(first, { ...leaseOf(held), metadata: { name: 'x', labels: { a: 'b' } } }, 2).atMs,
      1,
    )
    assert.equal(observe(first, leaseOf({ ...held, renewTime: 'later' }), 2).atMs, 2)
  })
})
