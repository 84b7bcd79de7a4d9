import {
  CompactedError,
  FutureRevisionError,
  type StoreEvent,
  type StoreListener,
} from '../store.ts'
import type { EtcdClient } from './etcd-client.ts'
import { MARKER_AFTER_MS } from './freshness.ts'
import type { WatchEvent } from './messages.ts'
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

/** The changes in (from, to]: all have come with a change at or after `to`, which is made where none comes. */
function readPast(
  { client, records }: Pick<WatchDeps, 'client' | 'records'>,
  prefix: string,
  from: number,
  to: number,
  { done, failed }: { done(past: readonly StoreEvent[]): void; failed(error: Error): void },
): Disposable {
  const past: StoreEvent[] = []
  let isDone = false
  const finish = () => {
    if (isDone) return
    isDone = true
    done(past)
    queueMicrotask(stop)
  }
  const stop = () => {
    isDone = true
    clearInterval(timer)
    watch[Symbol.dispose]()
  }
  const timer = setInterval(() => client.put(records.marker, '').catch(() => {}), MARKER_AFTER_MS)
  const request = {
    // The whole store and not the prefix: so its newest change, that of revision `to`, is among them.
    key: records.start,
    end: records.end,
    startRevision: from + 1,
    previous: true,
  }
  const watch = client.watch(
    request,
    ({ events, compactRevision, canceled, cancelReason, created, revision }) => {
      if (isDone) return
      if (compactRevision > 0) return failed(new CompactedError(from, compactRevision))
      if (canceled) return failed(new Error(`etcd ended the watch: ${cancelReason}`))
      for (const event of events) {
        if (event.item.modRevision > to) return finish()
        const change = eventOf(event, records)
        if (change && keyOf(change).startsWith(prefix)) past.push(change)
      }
      const last = events.at(-1)?.item.modRevision ?? (created ? 0 : revision)
      if (last >= to) finish()
    },
    failed,
  )
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
