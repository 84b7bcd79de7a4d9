import type { EtcdClient } from '#etcd/etcd-client.ts'
import { DEADLINE_EXCEEDED, GRPCError } from '#etcd/grpc-error.ts'
import type { Mirror } from './mirror.ts'
import type { Records } from './record.ts'

/** A change takes a millisecond or so; what has not come by then is not ours. */
export const MARKER_AFTER_MS = 25
/** An election, and a new connection after it. */
const PATIENCE_MS = 10_000

/**
 * Makes reads of the mirror linearizable (as KEP-2340): asks etcd for its revision, and waits until the mirror has
 * reached it. Reads that begin while one is asking share the next question.
 *
 * Writes to other parts of a shared etcd raise the revision too, without an event for us. A progress request would
 * tell, but etcd before 3.4.31 and 3.5.13 answers it too early (etcd issue 15220): a write of our own takes its place.
 */
export function createFreshness({
  client,
  mirror,
  records,
}: {
  client: EtcdClient
  mirror: Mirror
  records: Records
}): () => Promise<number> {
  let asking: Promise<number> | undefined
  let next: Promise<number> | undefined
  let isMarking = false

  const mark = async () => {
    if (isMarking) return
    isMarking = true
    await client.put(records.marker, '').catch(() => {}) // the next turn tries again
    isMarking = false
  }
  const ask = async (): Promise<number> => {
    const { revision } = await client.range({ key: records.start, countOnly: true })
    if (mirror.revision < revision) await reached(revision)
    return mirror.revision
  }
  const reached = async (revision: number): Promise<void> => {
    const started = performance.now()
    const late = Promise.withResolvers<never>()
    const timer = setInterval(() => {
      if (performance.now() - started > PATIENCE_MS) late.reject(tooLate())
      else void mark()
    }, MARKER_AFTER_MS)
    try {
      await Promise.race([mirror.reach(revision), late.promise])
    } finally {
      clearInterval(timer)
    }
  }
  const begin = (): Promise<number> => {
    const mine = ask().finally(() => {
      if (asking === mine) asking = undefined
    })
    asking = mine
    return mine
  }
  return () => {
    if (!asking) return begin()
    // The question under way may be older than this read.
    next ??= asking
      .catch(() => {})
      .then(() => {
        next = undefined
        return begin()
      })
    return next
  }
}

const tooLate = () => new GRPCError(DEADLINE_EXCEEDED, 'etcdserver: request timed out', false)
