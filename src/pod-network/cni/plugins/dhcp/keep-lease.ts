import { setTimeout as delay } from 'node:timers/promises'
import { openRtnetlink } from '#kernel/netlink/rtnetlink.ts'
import type { Log } from '#log/log.ts'
import {
  acquireLease,
  type DHCPClientOptions,
  type HeldLease,
  releaseLease,
  renewLease,
} from './client.ts'

export interface LeaseOptions extends DHCPClientOptions {
  /** The longest pause between two attempts. */
  readonly resendMaxMs: number
  /** When to stop trying to get a first lease. */
  readonly resendTimeoutMs: number
  readonly log: Log
}

/** A lease that is renewed until it is stopped, or its interface is gone. */
export interface KeptLease {
  readonly current: HeldLease
  readonly isKept: boolean
  /** Gives it back. */
  stop(): Promise<void>
}

/** Pauses between attempts: at first short ones, then longer and longer ones (plugins/ipam/dhcp/lease.go). */
const FAST = { pauseMs: 2000, attempts: 4 }
const FIRST_SLOW_PAUSE_MS = 4000
const JITTER_MS = 1000

/** The namespace is closed when the lease is no longer kept. @throws Error where no server gives one; the namespace is then the caller's */
export async function keepLease(options: LeaseOptions): Promise<KeptLease> {
  const { resendTimeoutMs, log, clientID } = options
  setUp(options)
  const first = await persist(options, resendTimeoutMs, () => acquireLease(options))
  if (!first) throw new Error('no more tries')
  log.info('Lease acquired', { clientID, address: first.address.address })
  const stop = new AbortController()
  const state = { current: first, isKept: true }
  const keep = async () => {
    using _netns = options.netns
    try {
      await maintain(state, { ...options, signal: stop.signal })
      if (stop.signal.aborted && isThere(options)) await releaseLease(state.current, options)
    } catch (cause) {
      log.error('Cannot keep a lease', { clientID, cause })
    } finally {
      state.isKept = false
    }
  }
  const kept = keep()
  return {
    get current() {
      return state.current
    },
    get isKept() {
      return state.isKept
    },
    async stop() {
      stop.abort()
      await kept
    },
  }
}

/** RFC 2131, 4.4.5: first the server that gave it is asked, later anybody, and at the end it is over. */
async function maintain(
  state: { current: HeldLease },
  options: LeaseOptions & { readonly signal: AbortSignal },
): Promise<void> {
  const { signal, log, clientID } = options
  for (;;) {
    const { seconds } = state.current
    const since = performance.now()
    const left = (until: number) => until * 1000 - (performance.now() - since)
    await pause(seconds.renewal * 1000, signal)
    if (signal.aborted || !isThere(options)) return
    const renewed =
      (await persist(options, left(seconds.rebinding), () => renewLease(state.current, options))) ??
      (await persist(options, left(seconds.expiry), () => acquireLease(options)))
    if (signal.aborted) return
    if (!renewed) {
      log.warn('Lease expired: its interface goes down', { clientID })
      setDown(options)
      return
    }
    log.info('Lease renewed', { clientID })
    state.current = renewed
  }
}

/** Undefined where no attempt succeeded within that time, or it is to stop. */
async function persist(
  { signal, resendMaxMs, log, clientID }: LeaseOptions,
  forMs: number,
  attempt: () => Promise<HeldLease>,
): Promise<HeldLease | undefined> {
  const deadline = performance.now() + forMs
  for (let tried = 1; !signal?.aborted && performance.now() < deadline; tried++) {
    try {
      return await attempt()
    } catch (error) {
      log.warn('Cannot get a lease yet', { clientID, error })
    }
    const slow = Math.min(resendMaxMs, FIRST_SLOW_PAUSE_MS * 2 ** (tried - FAST.attempts - 1))
    const base = Math.min(tried > FAST.attempts ? slow : FAST.pauseMs, resendMaxMs)
    const jitter = (Math.random() * 2 - 1) * Math.min(JITTER_MS, base / 2)
    await pause(Math.min(base + jitter, Math.max(0, deadline - performance.now())), signal)
  }
  return undefined
}

/** setTimeout()'s own limit is 24 days: a lease may be for ever. */
const MAX_PAUSE_MS = 2 ** 31 - 1

async function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  const wanted = Math.min(Math.max(0, ms), MAX_PAUSE_MS)
  await delay(wanted, undefined, { ...(signal && { signal }) }).catch(() => {})
}

function isThere({ netns, device }: LeaseOptions): boolean {
  using rtnetlink = openRtnetlink(netns)
  return rtnetlink.link(device) !== undefined
}

function setUp({ netns, device }: LeaseOptions): void {
  using rtnetlink = openRtnetlink(netns)
  const link = rtnetlink.link(device)
  if (!link) throw new Error(`error looking up "${device}": Link not found`)
  if (!link.up) rtnetlink.setLink(device, { up: true })
}

function setDown({ netns, device }: LeaseOptions): void {
  using rtnetlink = openRtnetlink(netns)
  if (rtnetlink.link(device)) rtnetlink.setLink(device, { up: false })
}
