import type { DatabaseSync } from 'node:sqlite'
import { HeldItem } from '../held-item.ts'
import { endOfPrefix, KeyIndex } from '../key-index.ts'
import {
  CompactedError,
  FutureRevisionError,
  isTooLarge,
  type ListRange,
  RequestTooLargeError,
  type Store,
  type StoredItem,
  type StoredList,
  type StoreEvent,
  type StoreListener,
  type StoreWatch,
  type WriteResult,
} from '../store.ts'
import { Subscriptions } from '../subscriptions.ts'
import { type DatabaseOptions, openDatabase } from './open-database.ts'
import { createRevisionLog, type RevisionLog } from './revision-log.ts'

/** Opens or makes the file at `path` (`:memory:` for none). @throws Error `Cannot open state …` */
export function createSQLiteStore(path: string, options: DatabaseOptions = {}): Store {
  return new SQLiteStore(openDatabase(path, options))
}

interface PendingWrite {
  readonly key: string
  /** 0: the key must not exist. */
  readonly expectedRevision: number
  /** Undefined: delete. */
  readonly value: string | undefined
  readonly resolve: (result: WriteResult) => void
  readonly reject: (error: unknown) => void
}

/**
 * Writes of one turn of the event loop share a transaction (group commit): they are decided against the index, in
 * order, inside the transaction, and answered after its COMMIT. No other code runs in between, so nobody reads what
 * might still be rolled back.
 */
class SQLiteStore implements Store {
  readonly #database: DatabaseSync
  readonly #log: RevisionLog
  readonly #index = new KeyIndex((revision) => this.#log.valueOf(revision))
  readonly #subscriptions = new Subscriptions()
  #pending: PendingWrite[] = []
  #revision: number
  #compacted: number
  #closed = false

  constructor(database: DatabaseSync) {
    this.#database = database
    this.#log = createRevisionLog(database)
    const marks = this.#log.marks()
    // A new store starts at 1: clients take resourceVersion 0 to mean "any".
    this.#revision = Math.max(1, marks.revision)
    this.#compacted = marks.compacted
    for (const item of this.#log.newest()) this.#index.set(item)
  }

  async currentRevision(): Promise<number> {
    return this.#revision
  }

  async get(key: string, { revision = this.#revision } = {}): Promise<StoredItem | undefined> {
    this.#checkReadable(revision)
    if (revision === this.#revision) return this.#index.get(key)
    return this.#log.itemAt(key, revision)
  }

  async list(prefix: string, range: ListRange = {}): Promise<StoredList> {
    const { revision = this.#revision, limit = Number.MAX_SAFE_INTEGER, after } = range
    this.#checkReadable(revision)
    if (revision === this.#revision) {
      const [items, remaining] = this.#index.list(prefix, after, limit)
      return { revision, items, remaining }
    }
    const from = after !== undefined && after >= prefix ? after : prefix
    const all = [...this.#log.snapshot(from, endOfPrefix(prefix), revision)]
    return { revision, items: all.slice(0, limit), remaining: Math.max(0, all.length - limit) }
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
    let live = true
    const subscription = this.#subscriptions.add(prefix, listener)
    const stop = () => {
      live = false
      subscription[Symbol.dispose]()
    }
    // Read now, told in a microtask: commits happen in later turns, so nothing can come in between.
    const history = this.#history(prefix, fromRevision)
    queueMicrotask(() => {
      if (!live) return
      if (history instanceof Error) {
        stop()
        listener.failed(history)
      } else if (history.length > 0) listener.changed(history)
    })
    return { [Symbol.dispose]: stop, progress: async () => this.#revision }
  }

  async compact(revision: number): Promise<void> {
    if (revision <= this.#compacted) return
    if (revision > this.#revision) throw new FutureRevisionError(revision, this.#revision)
    this.#transaction(() => this.#log.compact(this.#compacted, revision, this.#revision))
    this.#compacted = revision
  }

  /** The file is this process's alone. */
  async claimCompaction(turn: number) {
    return { claimed: true, turn: turn + 1 }
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#flush()
    this.#closed = true
    this.#subscriptions.fail(new Error('Cannot watch on: the store is closed'))
    this.#database.close()
  }

  #history(prefix: string, fromRevision: number): StoreEvent[] | Error {
    if (fromRevision > this.#revision) return new FutureRevisionError(fromRevision, this.#revision)
    if (fromRevision < this.#compacted) return new CompactedError(fromRevision, this.#compacted)
    return fromRevision === this.#revision ? [] : this.#log.changesAfter(fromRevision, prefix)
  }

  #checkReadable(revision: number): void {
    if (revision < this.#compacted) throw new CompactedError(revision, this.#compacted)
    if (revision > this.#revision) throw new FutureRevisionError(revision, this.#revision)
  }

  #write(key: string, expectedRevision: number, value: string | undefined): Promise<WriteResult> {
    const { promise, resolve, reject } = Promise.withResolvers<WriteResult>()
    if (isTooLarge(key, value)) reject(new RequestTooLargeError())
    else if (this.#closed) reject(new Error(`Cannot write ${key}: the store is closed`))
    else {
      if (this.#pending.length === 0) setImmediate(() => this.#flush())
      this.#pending.push({ key, expectedRevision, value, resolve, reject })
    }
    return promise
  }

  #flush(): void {
    const writes = this.#pending
    this.#pending = []
    if (writes.length === 0) return
    const revisionBefore = this.#revision
    const events: StoreEvent[] = []
    let results: WriteResult[]
    try {
      results = this.#transaction(() => writes.map((write) => this.#apply(write, events)))
    } catch (error) {
      this.#revision = revisionBefore
      for (const event of events.reverse()) this.#undo(event)
      for (const { reject } of writes) reject(error)
      return
    }
    for (const [i, { resolve }] of writes.entries()) resolve(results[i]!)
    this.#subscriptions.publish(events)
  }

  #apply({ key, expectedRevision, value }: PendingWrite, events: StoreEvent[]): WriteResult {
    const previous = this.#index.get(key)
    if ((previous?.modRevision ?? 0) !== expectedRevision) return { ok: false, current: previous }
    const revision = this.#revision + 1
    if (value !== undefined) {
      const createRevision = previous?.createRevision ?? revision
      const written = { key, value, modRevision: revision, createRevision }
      const item = new HeldItem(written)
      this.#log.put(written, expectedRevision)
      this.#index.set(item)
      events.push({ type: 'put', item, previous })
    } else if (previous) {
      this.#log.remove(key, revision, previous)
      this.#index.delete(key)
      events.push({ type: 'delete', key, revision, previous })
    } else return { ok: false, current: undefined }
    this.#revision = revision
    return { ok: true, revision }
  }

  #undo(event: StoreEvent): void {
    if (event.previous) this.#index.set(event.previous)
    else if (event.type === 'put') this.#index.delete(event.item.key)
  }

  #transaction<T>(body: () => T): T {
    this.#database.exec('BEGIN IMMEDIATE')
    try {
      const result = body()
      this.#database.exec('COMMIT')
      return result
    } catch (error) {
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK')
      throw error
    }
  }
}
