/**
 * The storage port: etcd's model, as small as the API server needs it.
 *
 * One revision counts all writes of the store. A key's mod revision is the revision of its last write; reads name
 * the revision they were made at, so that `watch(prefix, list.revision)` continues a list without a gap.
 */
export interface Store {
  currentRevision(): Promise<number>
  /** The newest state, or that at `revision`. @throws CompactedError, FutureRevisionError */
  get(key: string, options?: { readonly revision?: number }): Promise<StoredItem | undefined>
  /** Items whose key starts with `prefix`, in byte order of their keys. @throws CompactedError, FutureRevisionError */
  list(prefix: string, options?: ListRange): Promise<StoredList>
  /** Refuses, and says what is there, when the key exists. */
  create(key: string, value: string): Promise<WriteResult>
  /** Refuses, and says what is there, unless the key's mod revision is `expectedRevision`. */
  update(key: string, expectedRevision: number, value: string): Promise<WriteResult>
  /** As update; the deletion takes a revision of its own. */
  delete(key: string, expectedRevision: number): Promise<WriteResult>
  /**
   * Reports every change after `fromRevision` once and in order: first the kept ones, then live. Never calls the
   * listener before it returns. Dispose the result to stop.
   */
  watch(prefix: string, fromRevision: number, listener: StoreListener): StoreWatch
  /** Forgets what no read or watch from `revision` on can see. */
  compact(revision: number): Promise<void>
  /**
   * Asks for the right to compact, which only one of several servers has at a time: turns are counted, and one is had
   * by naming the last (0 at first). A refusal names the last one. @param revision What is about to be compacted
   */
  claimCompaction(
    turn: number,
    revision: number,
  ): Promise<{ readonly claimed: boolean; readonly turn: number }>
  /** Resolves when every accepted write is on its way to disk. */
  close(): Promise<void>
}

export interface ListRange {
  readonly revision?: number
  readonly limit?: number
  /** Only keys greater than this one. */
  readonly after?: string
}

export interface StoredItem {
  readonly key: string
  readonly value: string
  readonly modRevision: number
  readonly createRevision: number
}

export interface StoredList {
  /** The store's revision at the read: not the greatest among the items. */
  readonly revision: number
  readonly items: readonly StoredItem[]
  /** How many items after the last one the limit left out. */
  readonly remaining: number
}

export type WriteResult =
  | { readonly ok: true; readonly revision: number }
  | { readonly ok: false; readonly current: StoredItem | undefined }

export type StoreEvent =
  | { readonly type: 'put'; readonly item: StoredItem; readonly previous: StoredItem | undefined }
  | {
      readonly type: 'delete'
      readonly key: string
      readonly revision: number
      readonly previous: StoredItem
    }

export interface StoreListener {
  /** Never empty. Several revisions may share one call. */
  changed(events: readonly StoreEvent[]): void
  /** The watch is over. */
  failed(error: Error): void
}

export interface StoreWatch extends Disposable {
  /** A revision up to which the listener has been told everything. */
  progress(): Promise<number>
}

/** The longest that a key and its value may be together: etcd's --max-request-bytes, for every engine. */
export const MAX_REQUEST_BYTES = 1.5 * 1024 * 1024

/** The store cannot answer now, or cannot say whether a write was made. The words are etcd's. */
export class StoreUnavailableError extends Error {
  override readonly name = 'StoreUnavailableError'
}

/** etcd's words, which upstream passes on (etcdserver/api/v3rpc/rpctypes/error.go). */
export class RequestTooLargeError extends Error {
  override readonly name = 'RequestTooLargeError'

  constructor() {
    super('etcdserver: request is too large')
  }
}

/** What an engine may add to a key and its value. */
const HEAD_BYTES = 512

export function isTooLarge(key: string, value = ''): boolean {
  const most = MAX_REQUEST_BYTES - HEAD_BYTES
  // A UTF-16 unit is three bytes at most: what is much shorter need not be counted.
  if ((key.length + value.length) * 3 <= most) return false
  return Buffer.byteLength(key) + Buffer.byteLength(value) > most
}

/** The revision asked for is older than what is kept. */
export class CompactedError extends Error {
  override readonly name = 'CompactedError'
  readonly compactRevision: number

  constructor(revision: number, compactRevision: number) {
    super(`Cannot read revision ${revision}: the store is compacted up to ${compactRevision}`)
    this.compactRevision = compactRevision
  }
}

/** The revision asked for is not there yet. */
export class FutureRevisionError extends Error {
  override readonly name = 'FutureRevisionError'
  readonly currentRevision: number

  constructor(revision: number, currentRevision: number) {
    super(`Cannot read revision ${revision}: the store is at ${currentRevision}`)
    this.currentRevision = currentRevision
  }
}

export const revisionOf = (event: StoreEvent): number =>
  event.type === 'put' ? event.item.modRevision : event.revision
