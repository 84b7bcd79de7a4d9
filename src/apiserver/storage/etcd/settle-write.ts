import type { EtcdClient } from '#etcd/etcd-client.ts'
import { GRPCError } from '#etcd/grpc-error.ts'
import type { TxnRequest, WatchEvent } from '#etcd/messages.ts'
import type { WriteResult } from '../store.ts'
import { type Records, writeOf } from './record.ts'

interface LostWrite {
  readonly request: TxnRequest
  /** What the value's first line calls the write. */
  readonly name: string
  /** One that was reached before the write was sent. */
  readonly revisionBefore: number
  /** Why there was no answer. */
  readonly error: GRPCError
}

const ATTEMPTS = 3
const HISTORY_TIMEOUT_MS = 5_000

/**
 * Finds out how a transaction ended whose answer was lost.
 *
 * One that expects a revision may be sent again: a key has that revision once, so only one of them can succeed. One
 * that expects no key may not: between the two somebody may delete the key, and it would be created twice. In both
 * cases the key's history says what became of the first: a put by its name, a deletion by the revision it ended.
 *
 * @throws GRPCError the first one, where it cannot be found out: the write may be made or not.
 */
export async function settleWrite(
  { client, records }: { readonly client: EtcdClient; readonly records: Records },
  { request, name, revisionBefore, error }: LostWrite,
): Promise<WriteResult> {
  const { key, value, expected } = request
  const expectedRevision = 'modRevision' in expected ? expected.modRevision : 0
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const { revision, items } = await client.range({ key })
    const current = items[0]
    const isUntouched = (current?.modRevision ?? 0) === expectedRevision
    if (!isUntouched || expectedRevision === 0) {
      const since = expectedRevision || revisionBefore
      const events = await historyOf(client, key, since, revision, current?.modRevision)
      const ours = events.find(({ type, item }) =>
        value === undefined ? type === 'delete' : writeOf(item) === name,
      )
      if (ours) return { ok: true, revision: ours.item.modRevision }
      if (!isUntouched) return { ok: false, current: current && records.itemOf(current) }
      break // a creation that has not happened, so far
    }
    try {
      const answer = await client.txn(request)
      if (answer.succeeded) return { ok: true, revision: answer.revision }
      // The first one has come through meanwhile, or another write: the next look tells.
    } catch (again) {
      if (!(again instanceof GRPCError)) throw again
    }
  }
  throw error
}

/** The key's events after `since`, up to a revision at which its newest one had `newest` (none: a deletion, if any). */
async function historyOf(
  client: EtcdClient,
  key: string,
  since: number,
  revision: number,
  newest: number | undefined,
): Promise<readonly WatchEvent[]> {
  if (revision <= since) return []
  const events: WatchEvent[] = []
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  // Deletions leave nothing that a read could show: watched from the past, etcd tells of them at once, and in order.
  using _watch = client.watch(
    { key, startRevision: since + 1 },
    (response) => {
      if (response.canceled)
        reject(new GRPCError(11, 'etcdserver: mvcc: required revision has been compacted', true))
      events.push(...response.events)
      const last = events.at(-1)
      const isWhole =
        newest === undefined ? last?.type === 'delete' : (last?.item.modRevision ?? 0) >= newest
      if (isWhole) resolve()
    },
    reject,
  )
  // A key that is not there, and perhaps never was: there is no event to wait for.
  const timer = setTimeout(resolve, newest === undefined ? 500 : HISTORY_TIMEOUT_MS)
  try {
    await promise
  } finally {
    clearTimeout(timer)
  }
  return events
}
