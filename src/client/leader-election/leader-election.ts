import type { Lease } from '#api/coordination.ts'
import { leases } from '#api/resources.ts'
import type { Log } from '#log/log.ts'
import type { API } from '../api.ts'
import { pause } from '../backoff.ts'
import type { EventRecorder } from '../event-recorder.ts'
import { type Observation, observe, planClaim, planRelease } from './claim.ts'

export interface LeaderElectionOptions {
  readonly namespace: string
  /** Of the Lease. */
  readonly name: string
  /** Of this candidate: no other may have it, now or later. */
  readonly identity: string
  /** How long the others wait for a leader that says nothing. */
  readonly leaseDurationMs?: number
  /** How long a leader tries to renew before it stops leading. */
  readonly renewDeadlineMs?: number
  readonly retryPeriodMs?: number
}

export interface LeaderElectionDeps {
  readonly api: Pick<API, 'get' | 'create' | 'update'>
  readonly log: Log
  readonly events?: EventRecorder
  readonly clock?: Clock
  /** In [0, 1). */
  readonly random?: () => number
}

export interface Clock {
  /** Never set back or forward, as the time of day may be. */
  monotonicMs(): number
  now(): Date
  /** Resolves after `ms`, or at once when `signal` aborts. */
  pause(ms: number, signal: AbortSignal): Promise<void>
}

/** As client-go's component-base recommends, and kube-controller-manager has them. */
const DEFAULTS = { leaseDurationMs: 15_000, renewDeadlineMs: 10_000, retryPeriodMs: 2_000 }
/** Candidates that wait do not ask at the same time. */
const JITTER = 1.2

const systemClock: Clock = { monotonicMs: () => performance.now(), now: () => new Date(), pause }

/**
 * Leads while it holds the Lease, again and again until `signal` aborts; then it gives the Lease up. As client-go's
 * leaderelection.
 *
 * @param lead Runs while leading, and must come to its end soon after its own signal aborts. The next leader may
 *   begin `leaseDurationMs - renewDeadlineMs - retryPeriodMs` after that
 * @throws what `lead` throws; RangeError for times that do not fit together
 */
export async function runAsLeader(
  deps: LeaderElectionDeps,
  options: LeaderElectionOptions,
  lead: (signal: AbortSignal) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const candidate = new Candidate(deps, { ...DEFAULTS, ...options })
  while (!signal.aborted) {
    await candidate.acquire(signal)
    if (signal.aborted) break
    const leading = new AbortController()
    const led = lead(AbortSignal.any([signal, leading.signal])).finally(() => leading.abort())
    led.catch(() => {}) // told below
    await candidate.renewUntilLost(AbortSignal.any([signal, leading.signal]))
    leading.abort()
    try {
      await led
    } finally {
      await candidate.release()
    }
  }
}

class Candidate {
  readonly #deps: LeaderElectionDeps
  readonly #options: Required<LeaderElectionOptions>
  readonly #clock: Clock
  #observed: Observation | undefined

  constructor(deps: LeaderElectionDeps, options: Required<LeaderElectionOptions>) {
    const { leaseDurationMs, renewDeadlineMs, retryPeriodMs } = options
    if (leaseDurationMs <= renewDeadlineMs)
      throw new RangeError('leaseDuration must be greater than renewDeadline')
    if (renewDeadlineMs <= JITTER * retryPeriodMs)
      throw new RangeError('renewDeadline must be greater than retryPeriod*JitterFactor')
    this.#deps = deps
    this.#options = options
    this.#clock = deps.clock ?? systemClock
  }

  async acquire(signal: AbortSignal): Promise<void> {
    const { retryPeriodMs, namespace, name } = this.#options
    const { random = Math.random } = this.#deps
    while (!signal.aborted) {
      if (await this.#tryClaim(retryPeriodMs * 2)) {
        this.#tell('became leader')
        return
      }
      await this.#clock.pause(retryPeriodMs * (1 + random() * JITTER), signal)
    }
    this.#deps.log.info('is no candidate any more', { lease: `${namespace}/${name}` })
  }

  /** Resolves when the lease could not be renewed in time, or `signal` aborts. */
  async renewUntilLost(signal: AbortSignal): Promise<void> {
    const { renewDeadlineMs, retryPeriodMs } = this.#options
    while (!signal.aborted) {
      await this.#clock.pause(retryPeriodMs, signal)
      const deadline = this.#clock.monotonicMs() + renewDeadlineMs
      for (;;) {
        if (signal.aborted) return
        const left = deadline - this.#clock.monotonicMs()
        if (left <= 0) {
          this.#tell('stopped leading')
          return
        }
        if (await this.#tryClaim(left)) break
        await this.#clock.pause(Math.min(retryPeriodMs, left), signal)
      }
    }
  }

  /** One try: a lease that is still ours costs none if nobody else has it by then. */
  async release(): Promise<void> {
    const held = this.#observed?.lease
    if (held?.spec?.holderIdentity !== this.#options.identity) return
    const spec = planRelease(held.spec, this.#time())
    try {
      await this.#within(
        this.#options.renewDeadlineMs,
        this.#deps.api.update(leases, { ...held, spec }),
      )
    } catch (error) {
      this.#deps.log.warn('Cannot give the lease up: it runs out by itself', {
        error: error as Error,
      })
    } finally {
      this.#observed = undefined
    }
  }

  async #tryClaim(timeoutMs: number): Promise<boolean> {
    try {
      return await this.#within(timeoutMs, this.#claim())
    } catch (error) {
      this.#deps.log.warn('Cannot claim the lease: trying again', { error: error as Error })
      return false
    }
  }

  async #claim(): Promise<boolean> {
    const { api } = this.#deps
    const { namespace, name, identity, leaseDurationMs } = this.#options
    const key = { namespace, name }
    const claim = {
      identity,
      leaseDurationSeconds: Math.round(leaseDurationMs / 1000),
      nowMs: this.#clock.monotonicMs(),
      time: this.#time(),
    }
    // While it leads, what it wrote last is most likely still there: that need not be read.
    const isOwn = this.#observed?.lease.spec?.holderIdentity === identity
    if (isOwn && (await this.#write(planClaim(this.#observed!, claim), this.#observed!.lease)))
      return true
    const found = await api.get(leases, key)
    if (!found) {
      const spec = {
        ...planClaim({ lease: { metadata: key }, atMs: 0 }, claim),
        leaseTransitions: 0,
      }
      this.#keep(await api.create(leases, { metadata: key, spec }))
      return true
    }
    this.#keep(found)
    const spec = planClaim(this.#observed!, claim)
    return spec !== undefined && (await this.#write(spec, found, true))
  }

  /** @param isLast Whether a refusal is to be told: else the caller looks again */
  async #write(spec: Lease['spec'], lease: Lease, isLast = false): Promise<boolean> {
    try {
      this.#keep(await this.#deps.api.update(leases, { ...lease, ...(spec && { spec }) }))
      return true
    } catch (error) {
      if (isLast) throw error
      return false
    }
  }

  #keep(lease: Lease): void {
    this.#observed = observe(this.#observed, lease, this.#clock.monotonicMs())
  }

  /** MicroTime, as Leases have it. */
  #time(): string {
    return this.#clock.now().toISOString().replace('Z', '000Z')
  }

  #tell(what: string): void {
    const { log, events } = this.#deps
    const { namespace, name, identity } = this.#options
    log.info(what, { lease: `${namespace}/${name}`, identity })
    const lease = this.#observed?.lease
    if (lease) events?.event(lease, 'Normal', 'LeaderElection', `${identity} ${what}`)
  }

  /** An answer that comes later may still take effect: at most it renews a lease that nobody uses. */
  async #within<T>(timeoutMs: number, answer: Promise<T>): Promise<T> {
    answer.catch(() => {})
    const over = new AbortController()
    const late = this.#clock.pause(timeoutMs, over.signal).then(() => {
      throw new Error(`no answer after ${timeoutMs} ms`)
    })
    late.catch(() => {})
    try {
      return await Promise.race([answer, late])
    } finally {
      over.abort()
    }
  }
}
