import { setTimeout as delay } from 'node:timers/promises'
import type { EtcdClient } from '#etcd/etcd-client.ts'
import type { KeyValue, WatchResponse } from '#etcd/messages.ts'
import type { Log } from '#log/log.ts'
import type { Lease } from '../lease.ts'
import { leaseRange, parseLease } from './etcd-keys.ts'

/** A lease with what etcd knows of it. */
export interface HeldLease {
  readonly key: string
  readonly lease: Lease
  /** Its time to live is kept by an etcd lease; without one it is a reservation, and stays. */
  readonly isReserved: boolean
}

/** A copy of all leases of a network, kept by list and watch. */
export interface EtcdLeases {
  readonly synced: Promise<void>
  list(): readonly HeldLease[]
  subscribe(listener: () => void): () => void
}

const FIRST_PAUSE_MS = 100
const LONGEST_PAUSE_MS = 5000
const PAGE = 1000

/** Follows the leases until `signal` aborts: from member to member, and with a new list where the watch lost its place. */
export function followLeases(
  etcd: EtcdClient,
  prefix: string,
  log: Log,
  signal: AbortSignal,
): EtcdLeases {
  const held = new Map<string, HeldLease>()
  const listeners = new Set<() => void>()
  const synced = Promise.withResolvers<void>()
  const tell = () => {
    for (const listener of [...listeners]) listener()
  }
  const put = ({ key, value, lease: id }: KeyValue) => {
    const lease = parseLease(key, value)
    if (lease) held.set(key, { key, lease, isReserved: id === undefined })
    else held.delete(key)
  }
  const follow = async () => {
    const revision = await relist(etcd, prefix, held, put)
    synced.resolve()
    tell()
    await watch(etcd, prefix, revision + 1, signal, ({ events }) => {
      for (const { type, item } of events) {
        if (type === 'put') put(item)
        else held.delete(item.key)
      }
      if (events.length > 0) tell()
    })
  }
  const run = async () => {
    for (let pauseMs = FIRST_PAUSE_MS; !signal.aborted; ) {
      const since = performance.now()
      try {
        await follow()
      } catch (error) {
        if (!signal.aborted) log.warn('Cannot follow the leases in etcd', { error })
      }
      const lasted = performance.now() - since > LONGEST_PAUSE_MS
      pauseMs = lasted ? FIRST_PAUSE_MS : Math.min(pauseMs * 2, LONGEST_PAUSE_MS)
      await delay(pauseMs, undefined, { signal }).catch(() => {})
    }
  }
  void run()
  return {
    synced: synced.promise,
    list: () => [...held.values()],
    subscribe(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
}

/** @returns the revision of what was read */
async function relist(
  etcd: EtcdClient,
  prefix: string,
  held: Map<string, HeldLease>,
  put: (item: KeyValue) => void,
): Promise<number> {
  const { key, end } = leaseRange(prefix)
  const items: KeyValue[] = []
  let revision = 0
  for (let from = key; ; ) {
    const page = await etcd.range({ key: from, end, limit: PAGE, ...(revision && { revision }) })
    revision ||= page.revision
    items.push(...page.items)
    // The count is of what is left of the range.
    if (page.items.length >= page.count) break
    from = `${items.at(-1)!.key}\0`
  }
  held.clear()
  for (const item of items) put(item)
  return revision
}

/** Rejects when the watch ends, for whatever reason. */
async function watch(
  etcd: EtcdClient,
  prefix: string,
  startRevision: number,
  signal: AbortSignal,
  heard: (response: WatchResponse) => void,
): Promise<never> {
  const ended = Promise.withResolvers<never>()
  using _watch = etcd.watch(
    { ...leaseRange(prefix), startRevision },
    (response) => {
      if (response.canceled)
        ended.reject(new Error(response.cancelReason || 'the watch was canceled'))
      else heard(response)
    },
    ended.reject,
  )
  const abort = () => ended.reject(signal.reason)
  signal.addEventListener('abort', abort, { once: true })
  try {
    return await ended.promise
  } finally {
    signal.removeEventListener('abort', abort)
  }
}
