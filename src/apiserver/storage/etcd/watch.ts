import type { EtcdClient } from '#etcd/etcd-client.ts'
import type { WatchEvent, WatchResponse } from '#etcd/messages.ts'
import {
  CompactedError,
  FutureRevisionError,
  type StoreEvent,
  type StoreListener,
} from '../store.ts'
import { MARKER_AFTER_MS } from './freshness.ts'
import type { Mirror } from './mirror.ts'
import type { Records } from './record.ts'

interface WatchDeps {
  readonly client: EtcdClient
  readonly mirror: Mirror
  readonly records: Records
}

interface Watch extends Disposable {
  /** Resolves when the listener has been told all that was there at the beginning. */
  readonly caughtUp: Promise<void>
}

/** What a watch may hold back while its past is read. */
const MAX_HELD_EVENTS = 20_000

/** Live changes come from the mirror; older ones from its history, or where that does not reach, from etcd. */
export function openWatch(
  { client, mirror, records }: WatchDeps,
  prefix: string,
  fromRevision: number,
  listener: StoreListener,
): Watch {
  const caughtUp = Promise.withResolvers<void>()
  const stack = new DisposableStack()
  let held: StoreEvent[] | undefined = []
  const fail = (error: Error) => {
    if (stack.disposed) return
    stack.dispose()
    listener.failed(error)
  }
  stack.defer(() => caughtUp.resolve())
  const startRevision = mirror.revision
  stack.use(
    mirror.subscribe(prefix, {
      changed(events) {
        if (!held) listener.changed(events)
        else if (held.length + events.length <= MAX_HELD_EVENTS) held.push(...events)
        else fail(new Error('Cannot watch: more changes come than can be held'))
      },
      failed: fail,
    }),
  )
  const goLive = (past: readonly StoreEvent[]) => {
    if (stack.disposed) return
    const told = [...past, ...(held ?? [])]
    held = undefined
    if (told.length > 0) listener.changed(told)
    caughtUp.resolve()
  }
  const past = mirror.changesAfter(fromRevision)?.filter((event) => keyOf(event).startsWith(prefix))
  if (fromRevision > startRevision)
    queueMicrotask(() => fail(new FutureRevisionError(fromRevision, startRevision)))
  else if (past) queueMicrotask(() => goLive(past))
  else
    stack.use(
      readPast({ client, records }, prefix, fromRevision, startRevision, {
        done: goLive,
        failed: fail,
      }),
    )
  return { caughtUp: caughtUp.promise, [Symbol.dispose]: () => stack.dispose() }
}

const keyOf = (event: StoreEvent): string => (event.type === 'put' ? event.item.key : event.key)

/** How long a past is read, from member to member. */
const PATIENCE_MS = 10_000
const RETRY_MS = 100

/**
 * The changes in (from, to]: all have come with a change at or after `to`, which is made where none comes. A broken
 * connection is taken up where it broke.
 */
function readPast(
  { client, records }: Pick<WatchDeps, 'client' | 'records'>,
  prefix: string,
  from: number,
  to: number,
  { done, failed }: { done(past: readonly StoreEvent[]): void; failed(error: Error): void },
): Disposable {
  const past: StoreEvent[] = []
  const deadline = performance.now() + PATIENCE_MS
  let seen = from
  let isDone = false
  let watch: Disposable | undefined
  const stop = () => {
    isDone = true
    clearInterval(timer)
    watch?.[Symbol.dispose]()
  }
  const finish = () => {
    if (isDone) return
    isDone = true
    done(past)
    queueMicrotask(stop) // not from within the watch that is to be ended
  }
  const hear = (response: WatchResponse) => {
    const { events, compactRevision, canceled, cancelReason, created, revision } = response
    if (isDone) return
    if (compactRevision > 0) return failed(new CompactedError(from, compactRevision))
    if (canceled) throw new Error(`etcd ended the watch: ${cancelReason}`)
    for (const event of events) {
      if (event.item.modRevision > to) return finish()
      seen = event.item.modRevision
      const change = eventOf(event, records)
      if (change && keyOf(change).startsWith(prefix)) past.push(change)
    }
    if (events.length === 0 && !created) seen = Math.max(seen, revision)
    if (seen >= to) finish()
  }
  const open = () => {
    if (isDone) return
    // The whole store and not the prefix: so its newest change, that of revision `to`, is among them.
    const range = { key: records.start, end: records.end, previous: true }
    watch = client.watch({ ...range, startRevision: seen + 1 }, hear, (error) => {
      if (performance.now() > deadline) failed(error)
      else setTimeout(open, RETRY_MS)
    })
  }
  const timer = setInterval(() => client.put(records.marker, '').catch(() => {}), MARKER_AFTER_MS)
  open()
  return { [Symbol.dispose]: stop }
}

function eventOf(
  { type, item: found, previous }: WatchEvent,
  records: Records,
): StoreEvent | undefined {
  if (!records.isItem(found)) return undefined
  const item = records.itemOf(found)
  const before = previous && previous.modRevision > 0 ? records.itemOf(previous) : undefined
  if (type === 'put') return { type, item, previous: before }
  return before && { type, key: item.key, revision: item.modRevision, previous: before }
}
