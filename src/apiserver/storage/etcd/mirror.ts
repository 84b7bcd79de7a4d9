import type { EtcdClient } from '#etcd/etcd-client.ts'
import { GRPCError, OUT_OF_RANGE, UNAVAILABLE } from '#etcd/grpc-error.ts'
import type { WatchEvent, WatchResponse } from '#etcd/messages.ts'
import type { Log } from '#log/log.ts'
import { History } from '../history.ts'
import { KeyIndex } from '../key-index.ts'
import { CompactedError, type StoreEvent, type StoreListener } from '../store.ts'
import { Subscriptions } from '../subscriptions.ts'
import type { Records } from './record.ts'

const PAGE_LIMIT = 1000
const RETRY_MS = 100

interface MirrorDeps {
  readonly client: EtcdClient
  readonly records: Records
  readonly log: Log
}

/**
 * The newest state of the store in this process, kept by one watch of all of it, and the source of every live watch:
 * what a thousand clients follow, etcd tells once. It runs behind etcd by the time an event takes; `reach` waits.
 */
export class Mirror {
  readonly #deps: MirrorDeps
  readonly #subscriptions = new Subscriptions()
  readonly #waiting: { readonly revision: number; readonly resolve: () => void }[] = []
  #index = new KeyIndex()
  #history = new History(0)
  #revision = 0
  #watch: Disposable | undefined
  #closed = false

  constructor(deps: MirrorDeps) {
    this.#deps = deps
  }

  get index(): KeyIndex {
    return this.#index
  }

  /** Everything up to it is in the index, and has been told. */
  get revision(): number {
    return this.#revision
  }

  /** Resolves once the whole state is here. @throws GRPCError */
  async start(): Promise<void> {
    await this.#load()
    this.#follow()
  }

  /** Resolves once everything up to `revision` is here. */
  reach(revision: number): Promise<void> {
    if (revision <= this.#revision) return Promise.resolve()
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#waiting.push({ revision, resolve })
    return promise
  }

  changesAfter(revision: number): readonly StoreEvent[] | undefined {
    return this.#history.after(revision)
  }

  forget(revision: number): void {
    this.#history.forget(revision)
  }

  subscribe(prefix: string, listener: StoreListener): Disposable {
    return this.#subscriptions.add(prefix, listener)
  }

  close(): void {
    this.#closed = true
    this.#watch?.[Symbol.dispose]()
    this.#subscriptions.fail(new Error('Cannot watch on: the store is closed'))
    this.#settle(Number.POSITIVE_INFINITY)
  }

  /** Reads all pages of one revision; where that is compacted meanwhile, all over again. */
  async #load(): Promise<void> {
    const { client, records } = this.#deps
    for (;;) {
      const index = new KeyIndex()
      let key = records.keyOf('/')
      let revision = 0
      try {
        for (;;) {
          const page = await client.range({
            key,
            end: records.keyOf('0'),
            limit: PAGE_LIMIT,
            revision,
          })
          revision ||= page.revision
          for (const found of page.items) index.set(records.itemOf(found))
          const last = page.items.at(-1)
          if (!last || page.count <= page.items.length) break
          key = `${last.key}\0`
        }
      } catch (error) {
        if (error instanceof GRPCError && error.code === OUT_OF_RANGE) continue
        throw error
      }
      this.#index = index
      this.#history = new History(revision)
      this.#advance(revision)
      return
    }
  }

  #follow(): void {
    const { client, records } = this.#deps
    const request = { key: records.start, end: records.end, startRevision: this.#revision + 1 }
    this.#watch = client.watch(
      request,
      (response) => this.#hear(response),
      (error) => this.#again(error),
    )
  }

  #hear(response: WatchResponse): void {
    if (response.compactRevision > 0) {
      this.#watch?.[Symbol.dispose]()
      void this.#reload(response.compactRevision)
      return
    }
    if (response.canceled)
      throw new GRPCError(UNAVAILABLE, `etcd ended the watch: ${response.cancelReason}`, false)
    const events = response.events
      .map((event) => this.#apply(event))
      .filter((event) => event !== undefined)
    const last = response.events.at(-1)
    if (events.length > 0) this.#history.add(events)
    // Before the listeners hear of it: what they read then is what they hear of.
    if (last) this.#revision = Math.max(this.#revision, last.item.modRevision)
    if (events.length > 0) this.#subscriptions.publish(events)
    // An answer without events says that there were none up to its revision.
    this.#advance(last || response.created ? this.#revision : response.revision)
  }

  #apply({ type, item: found }: WatchEvent): StoreEvent | undefined {
    // The others were heard of before the connection broke.
    if (found.modRevision <= this.#revision || !this.#deps.records.isItem(found)) return undefined
    const item = this.#deps.records.itemOf(found)
    const previous = this.#index.get(item.key)
    if (type === 'put') {
      this.#index.set(item)
      return { type, item, previous }
    }
    if (!previous) return undefined
    this.#index.delete(item.key)
    return { type, key: item.key, revision: item.modRevision, previous }
  }

  #again(error: GRPCError): void {
    if (this.#closed) return
    this.#deps.log.warn('Cannot follow etcd: trying again', { error })
    setTimeout(() => {
      if (!this.#closed) this.#follow()
    }, RETRY_MS)
  }

  /** What happened meanwhile is compacted away: whoever watches must list again. */
  async #reload(compactRevision: number): Promise<void> {
    this.#subscriptions.fail(new CompactedError(this.#revision, compactRevision))
    while (!this.#closed) {
      try {
        await this.#load()
        this.#follow()
        return
      } catch (error) {
        this.#deps.log.warn('Cannot read all of etcd: trying again', { error: error as Error })
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS))
      }
    }
  }

  #advance(revision: number): void {
    if (revision > this.#revision) this.#revision = revision
    this.#settle(this.#revision)
  }

  #settle(revision: number): void {
    if (this.#waiting.length === 0) return
    const waiting = this.#waiting.splice(0)
    for (const each of waiting) {
      if (each.revision <= revision) each.resolve()
      else this.#waiting.push(each)
    }
  }
}
