import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import {
  CompactedError,
  FutureRevisionError,
  revisionOf,
  type Store,
  type StoreEvent,
  type WriteResult,
} from './store.ts'

/**
 * What every engine must hold. Sources: etcd's API guarantees (etcd.io/docs, "KV API guarantees" and "Watch API
 * guarantees"), and the ways in which an API server uses them.
 *
 * @param openStore Makes an empty store of its own for each test.
 */
export function testStore(name: string, openStore: () => Promise<Store>): void {
  const withStore = (title: string, body: (store: Store) => Promise<void>) =>
    test(title, async () => {
      const store = await openStore()
      try {
        await body(store)
      } finally {
        await store.close()
      }
    })

  suite(`${name} writes`, () => {
    withStore('each take one revision, above 0', async (store) => {
      const before = await store.currentRevision()
      assert.ok(before >= 1)
      assert.equal(await written(store.create('/a', '1')), before + 1)
      assert.equal(await written(store.create('/b', '2')), before + 2)
      assert.equal(await store.currentRevision(), before + 2)
    })

    withStore('are conditional, and a refusal says what is there', async (store) => {
      const first = await written(store.create('/a', '1'))
      assert.deepEqual(await refused(store.create('/a', '2')), { value: '1', modRevision: first })
      const second = await written(store.update('/a', first, '2'))
      assert.deepEqual(await refused(store.update('/a', first, '3')), {
        value: '2',
        modRevision: second,
      })
      assert.deepEqual(await refused(store.delete('/a', first)), {
        value: '2',
        modRevision: second,
      })
      assert.equal(await refused(store.update('/none', first, '3')), undefined)
      assert.equal(await refused(store.delete('/none', first)), undefined)
      assert.equal(await store.currentRevision(), second)
    })

    withStore('of one key at the same time: one wins', async (store) => {
      const results = await Promise.all(
        Array.from({ length: 20 }, (_, i) => store.create('/a', String(i))),
      )
      assert.equal(results.filter(({ ok }) => ok).length, 1)
    })

    withStore('keep the revision of the creation, until the key is made anew', async (store) => {
      const first = await written(store.create('/a', '1'))
      const second = await written(store.update('/a', first, '2'))
      assert.equal((await store.get('/a'))?.createRevision, first)
      await written(store.delete('/a', second))
      const again = await written(store.create('/a', '3'))
      assert.equal((await store.get('/a'))?.createRevision, again)
    })
  })

  suite(`${name} reads`, () => {
    withStore('list in byte order below a prefix only', async (store) => {
      for (const key of ['/p/b', '/p/a', '/p2/x', '/p/a-1', '/o/z', '/p/a/b'])
        await store.create(key, key)
      const { items, revision } = await store.list('/p/')
      assert.deepEqual(
        items.map(({ key }) => key),
        ['/p/a', '/p/a-1', '/p/a/b', '/p/b'],
      )
      assert.equal(revision, await store.currentRevision())
    })

    withStore('page by limit and after, and count the rest', async (store) => {
      for (let i = 0; i < 5; i++) await store.create(`/p/${i}`, String(i))
      const first = await store.list('/p/', { limit: 2 })
      assert.deepEqual([first.items.map(({ key }) => key), first.remaining], [['/p/0', '/p/1'], 3])
      const rest = await store.list('/p/', { limit: 3, after: '/p/1' })
      assert.deepEqual(
        [rest.items.map(({ key }) => key), rest.remaining],
        [['/p/2', '/p/3', '/p/4'], 0],
      )
    })

    withStore('show an old revision as it was', async (store) => {
      const a = await written(store.create('/p/a', '1'))
      const b = await written(store.create('/p/b', '1'))
      await written(store.update('/p/a', a, '2'))
      await written(store.delete('/p/b', b))
      await written(store.create('/p/c', '1'))
      const old = await store.list('/p/', { revision: b })
      assert.deepEqual(
        old.items.map(({ key, value }) => key + value),
        ['/p/a1', '/p/b1'],
      )
      assert.equal(old.revision, b)
      const paged = await store.list('/p/', { revision: b, limit: 1 })
      assert.deepEqual([paged.items.length, paged.remaining], [1, 1])
      assert.equal((await store.get('/p/b', { revision: b }))?.value, '1')
      assert.equal((await store.get('/p/b', { revision: b + 2 }))?.value, undefined)
    })

    withStore('refuse a revision that is not there yet', async (store) => {
      const revision = (await store.currentRevision()) + 1
      await assert.rejects(store.list('/', { revision }), FutureRevisionError)
    })
  })

  suite(`${name} watches`, () => {
    withStore('report kept changes, then live ones, once and in order', async (store) => {
      const a = await written(store.create('/p/a', '1'))
      const a2 = await written(store.update('/p/a', a, '2'))
      await store.create('/other', 'x')
      const seen = observe(store, '/p/', a)
      const gone = await written(store.delete('/p/a', a2))
      const b = await written(store.create('/p/b', '1'))
      await seen.until(() => seen.events.length === 3)
      assert.deepEqual(seen.events.map(describe), [
        `put /p/a=2 @${a2} was 1 @${a}`,
        `delete /p/a @${gone} was 2 @${a2}`,
        `put /p/b=1 @${b} was nothing`,
      ])
    })

    withStore('continue a list without gap or repetition under load', async (store) => {
      const writes = Array.from({ length: 50 }, (_, i) => store.create(`/p/${i}`, '1'))
      const { items, revision } = await store.list('/p/')
      const seen = observe(store, '/p/', revision)
      writes.push(...Array.from({ length: 50 }, (_, i) => store.create(`/p/${50 + i}`, '1')))
      await Promise.all(writes)
      await seen.until(() => items.length + seen.events.length >= 100)
      const revisions = [...items.map((item) => item.modRevision), ...seen.events.map(revisionOf)]
      assert.deepEqual(
        revisions,
        [...new Set(revisions)].toSorted((x, y) => x - y),
      )
      assert.equal(revisions.length, 100)
    })

    withStore('have told everything up to the revision of their progress', async (store) => {
      const seen = observe(store, '/p/', await store.currentRevision())
      const writes = Array.from({ length: 10 }, (_, i) => store.create(`/p/${i}`, '1'))
      const progress = await seen.watch.progress()
      const told = seen.events.length
      await Promise.all(writes)
      await seen.until(() => seen.events.length === 10)
      assert.ok(seen.events.slice(told).every((event) => revisionOf(event) > progress))
    })

    withStore('say nothing after they are disposed', async (store) => {
      const seen = observe(store, '/p/', await store.currentRevision())
      seen.watch[Symbol.dispose]()
      await store.create('/p/a', '1')
      assert.deepEqual(seen.events, [])
    })
  })

  suite(`${name} compaction`, () => {
    withStore('forgets old revisions, keeps the state and what comes after', async (store) => {
      const a = await written(store.create('/p/a', '1'))
      const a2 = await written(store.update('/p/a', a, '2'))
      const b = await written(store.create('/p/b', '1'))
      await written(store.delete('/p/b', b))
      await store.compact(b)
      await assert.rejects(store.list('/p/', { revision: a2 }), CompactedError)
      assert.equal((await store.list('/p/', { revision: b })).items.length, 2)
      const seen = observe(store, '/p/', b)
      await seen.until(() => seen.events.length === 1)
      assert.equal(seen.events[0]?.previous?.value, '1')
      const tooOld = observe(store, '/p/', a)
      await tooOld.until(() => tooOld.failures.length > 0)
      assert.ok(tooOld.failures[0] instanceof CompactedError)
      assert.equal((await store.get('/p/a'))?.value, '2')
    })

    withStore('never gives a revision twice', async (store) => {
      const a = await written(store.create('/p/a', '1'))
      const gone = await written(store.delete('/p/a', a))
      await store.compact(gone)
      assert.equal(await written(store.create('/p/a', '2')), gone + 1)
    })
  })
}

async function written(result: Promise<WriteResult>): Promise<number> {
  const outcome = await result
  assert.ok(outcome.ok, 'the write was refused')
  return outcome.revision
}

async function refused(result: Promise<WriteResult>) {
  const outcome = await result
  assert.ok(!outcome.ok, 'the write was accepted')
  const { current } = outcome
  return current && { value: current.value, modRevision: current.modRevision }
}

function describe(event: StoreEvent): string {
  const { previous } = event
  const was = previous ? `was ${previous.value} @${previous.modRevision}` : 'was nothing'
  return event.type === 'put'
    ? `put ${event.item.key}=${event.item.value} @${event.item.modRevision} ${was}`
    : `delete ${event.key} @${event.revision} ${was}`
}

/** Collects what a watch reports. */
function observe(store: Store, prefix: string, fromRevision: number) {
  const events: StoreEvent[] = []
  const failures: Error[] = []
  let wake = () => {}
  const watch = store.watch(prefix, fromRevision, {
    changed: (batch) => {
      events.push(...batch)
      wake()
    },
    failed: (error) => {
      failures.push(error)
      wake()
    },
  })
  const until = async (isDone: () => boolean) => {
    const deadline = AbortSignal.timeout(5_000)
    while (!isDone()) {
      deadline.throwIfAborted()
      await new Promise<void>((resolve) => {
        wake = resolve
        deadline.addEventListener('abort', () => resolve(), { once: true })
      })
    }
  }
  return { events, failures, watch, until }
}
