import type { Event } from '#api/core.ts'
import { events } from '#api/resources.ts'
import type { Log } from '#log/log.ts'
import type { Store } from '../storage/store.ts'
import { objectOf, prefixOf } from './record.ts'

/** As upstream's --event-ttl: an event is kept for an hour after it was last written. */
const TTL_MS = 3_600_000
const INTERVAL_MS = 60_000

/** Deletes old events now and then until the result is disposed. */
export function startEventExpiry(store: Store, log: Log): Disposable {
  const timer = setInterval(() => {
    expireEvents(store, Date.now()).catch((cause) =>
      log.error('Cannot delete old events: the next turn tries again', { cause }),
    )
  }, INTERVAL_MS)
  timer.unref()
  return { [Symbol.dispose]: () => clearInterval(timer) }
}

export async function expireEvents(store: Store, now: number): Promise<void> {
  const { items } = await store.list(prefixOf(events))
  const old = items.filter((item) => lastSeen(objectOf(item) as Event) + TTL_MS <= now) // by its key
  // One that was written meanwhile is not old any more, and refused.
  await Promise.all(old.map((item) => store.delete(item.key, item.modRevision)))
}

function lastSeen({ metadata, series, lastTimestamp, eventTime }: Event): number {
  const times = [metadata.creationTimestamp, lastTimestamp, eventTime, series?.lastObservedTime]
  return Math.max(...times.map((time) => Date.parse(time ?? '') || 0))
}
