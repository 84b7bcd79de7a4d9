import { randomBytes } from 'node:crypto'
import { createEtcdClient, type EtcdAccess, type EtcdClient } from '#etcd/etcd-client.ts'
import { GRPCError, OUT_OF_RANGE, UNAVAILABLE } from '#etcd/grpc-error.ts'
import {
  CompactedError,
  FutureRevisionError,
  isTooLarge,
  type ListRange,
  RequestTooLargeError,
  type Store,
  type StoredItem,
  type StoredList,
  type StoreListener,
  StoreUnavailableError,
  type StoreWatch,
  type WriteResult,
} from '../store.ts'
import { createFreshness } from './freshness.ts'
import { Mirror } from './mirror.ts'
import { createRecords, encodeValue, endOfPrefix, type Records } from './record.ts'
import { settleWrite } from './settle-write.ts'
import { openWatch } from './watch.ts'

export interface EtcdStoreOptions extends EtcdAccess {
  /** Keys begin with it; every server of a cluster has the same. */
  readonly prefix: string
}

/** Connects, and reads the whole state. @throws StoreUnavailableError */
export async function openEtcdStore({ prefix, ...access }: EtcdStoreOptions): Promise<Store> {
  const client = createEtcdClient(access)
  const records = createRecords(prefix)
  const mirror = new Mirror({ client, records, log: access.log })
  try {
    await mirror.start()
  } catch (error) {
    client.close()
    throw explain(error)
  }
  return new EtcdStore(client, mirror, records)
}

class EtcdStore implements Store {
  readonly #client: EtcdClient
  readonly #mirror: Mirror
  readonly #records: Records
  readonly #fresh: () => Promise<number>
  /** What this process calls its writes. */
  readonly #writer = randomBytes(6).toString('base64url')
  #writes = 0

  constructor(client: EtcdClient, mirror: Mirror, records: Records) {
    this.#client = client
    this.#mirror = mirror
    this.#records = records
    this.#fresh = createFreshness({ client, mirror, records })
  }

  currentRevision(): Promise<number> {
    return this.#fresh().catch(rethrow)
  }

  async get(
    key: string,
    { revision }: { revision?: number } = {},
  ): Promise<StoredItem | undefined> {
    await this.currentRevision()
    if (revision === undefined || revision === this.#mirror.revision)
      return this.#mirror.index.get(key)
    const { items } = await this.#read({ key: this.#records.keyOf(key), revision })
    return items[0] && this.#records.itemOf(items[0])
  }

  async list(prefix: string, range: ListRange = {}): Promise<StoredList> {
    const { revision, limit, after } = range
    const current = await this.currentRevision()
    if (revision === undefined || revision === current) {
      const [items, remaining] = this.#mirror.index.list(
        prefix,
        after,
        limit ?? Number.MAX_SAFE_INTEGER,
      )
      return { revision: current, items, remaining }
    }
    const start = after !== undefined && after >= prefix ? `${after}\0` : prefix
    const found = await this.#read({
      key: this.#records.keyOf(start),
      end: this.#records.keyOf(endOfPrefix(prefix)),
      revision,
      ...(limit !== undefined && { limit }),
    })
    return {
      revision,
      items: found.items.map((item) => this.#records.itemOf(item)),
      remaining: found.count - found.items.length,
    }
  }

  create(key: string, value: string): Promise<WriteResult> {
    return this.#write(key, 0, value)
  }

  update(key: string, expectedRevision: number, value: string): Promise<WriteResult> {
    return this.#write(key, expectedRevision, value)
  }

  delete(key: string, expectedRevision: number): Promise<WriteResult> {
    return this.#write(key, expectedRevision, undefined)
  }

  watch(prefix: string, fromRevision: number, listener: StoreListener): StoreWatch {
    const deps = { client: this.#client, mirror: this.#mirror, records: this.#records }
    const watch = openWatch(deps, prefix, fromRevision, {
      changed: (events) => listener.changed(events),
      failed: (error) => listener.failed(explain(error)),
    })
    return {
      [Symbol.dispose]: () => watch[Symbol.dispose](),
      progress: async () => {
        await watch.caughtUp
        return this.currentRevision()
      },
    }
  }

  async compact(revision: number): Promise<void> {
    try {
      if (revision === 0) return
      await this.#client.compact(revision)
      this.#mirror.forget(revision)
    } catch (error) {
      // Somebody compacted as far already.
      if (error instanceof GRPCError && error.message.includes('compacted')) return
      throw revision > this.#mirror.revision
        ? new FutureRevisionError(revision, this.#mirror.revision)
        : explain(error)
    }
  }

  async claimCompaction(turn: number, revision: number) {
    const write = { key: this.#records.compaction, value: String(revision) }
    try {
      const { succeeded, current } = await this.#client.txn({
        ...write,
        expected: { version: turn },
      })
      return { claimed: succeeded, turn: succeeded ? turn + 1 : (current?.version ?? 0) }
    } catch (error) {
      throw explain(error)
    }
  }

  async close(): Promise<void> {
    this.#mirror.close()
    this.#client.close()
  }

  async #write(key: string, expected: number, value: string | undefined): Promise<WriteResult> {
    if (isTooLarge(key, value)) throw new RequestTooLargeError()
    const name = `${this.#writer}.${(++this.#writes).toString(36)}`
    const request = {
      key: this.#records.keyOf(key),
      expected: { modRevision: expected },
      value: value === undefined ? undefined : encodeValue(name, value),
    }
    const revisionBefore = this.#mirror.revision
    try {
      const { succeeded, revision, current } = await this.#client.txn(request)
      if (succeeded && (expected > 0 || value !== undefined)) return { ok: true, revision }
      return { ok: false, current: current && this.#records.itemOf(current) }
    } catch (error) {
      if (!(error instanceof GRPCError) || !error.mayHaveHappened) throw explain(error)
      const deps = { client: this.#client, records: this.#records }
      return await settleWrite(deps, { request, name, revisionBefore, error }).catch(rethrow)
    }
  }

  /** A read of an old revision. */
  async #read(request: Parameters<EtcdClient['range']>[0]) {
    try {
      return await this.#client.range(request)
    } catch (error) {
      const revision = request.revision ?? 0
      if (!(error instanceof GRPCError) || error.code !== OUT_OF_RANGE) throw explain(error)
      throw error.message.includes('future')
        ? new FutureRevisionError(revision, this.#mirror.revision)
        : new CompactedError(revision, revision)
    }
  }
}

function rethrow(error: unknown): never {
  throw explain(error)
}

function explain(error: unknown): Error {
  if (!(error instanceof GRPCError))
    return error instanceof Error ? error : new Error(String(error))
  if (error.message === new RequestTooLargeError().message) return new RequestTooLargeError()
  return new StoreUnavailableError(
    error.code === UNAVAILABLE && error.message === '' ? 'etcdserver: unavailable' : error.message,
    { cause: error },
  )
}
