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
 * @param openStore Makes an empty store of its own for each test, or with a `place`, opens what is there (again).
 */
export function testStore(
  name: string,
  openStore: (place?: string) => Promise<Store>,
  { keeps = true }: { readonly keeps?: boolean } = {},
): void {
  const withStore = (title: string, body: (store: Store) => Promise<void>) =>
    test(title, async () => {
      const store = await openStore()
      try {
        await body(store)
      } finally {
        await store.close()
      }
    })
  let places = 0
  /** For what must outlive the process; a store in memory keeps nothing. */
  const withRestarts = (title: string, body: (open: () => Promise<Store>) => Promise<void>) =>
    test(title, { skip: !keeps }, async () => {
      const place = `place-${++places}`
      const open: Store[] = []
      try {
        await body(async () => {
          await open.at(-1)?.close()
          open.push(await openStore(place))
          return open.at(-1)!
        })
      } finally {
        await open.at(-1)?.close()
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

    withStore('of an update and a deletion at the same time: one wins', async (store) => {
      for (let i = 0; i < 20; i++) {
        const key = `/p/${i}`
        const made = await written(store.create(key, '1'))
        const [update, deletion] = await Promise.all([
          store.update(key, made, '2'),
          store.delete(key, made),
        ])
        assert.notEqual(update.ok, deletion.ok)
        assert.equal((await store.get(key))?.value, update.ok ? '2' : undefined)
      }
    })

    withStore('that count up one key from everywhere lose no count', async (store) => {
      await store.create('/n', '0')
      const increment = async () => {
        for (;;) {
          const { value, modRevision } = (await store.get('/n'))!
          if ((await store.update('/n', modRevision, String(Number(value) + 1))).ok) return
        }
      }
      await Promise.all(Array.from({ length: 20 }, increment))
      assert.equal((await store.get('/n'))?.value, '20')
    })

    withStore('are read by whoever asks after the answer', async (store) => {
      for (let i = 0; i < 30; i++) {
        const made = await written(store.create(`/p/${i}`, String(i)))
        const [item, { items, revision }] = await Promise.all([
          store.get(`/p/${i}`),
          store.list('/p/'),
        ])
        assert.deepEqual([item?.value, items.length], [String(i), i + 1])
        assert.ok(revision >= made)
      }
    })

    withStore('hold any text: empty, long, of every script', async (store) => {
      const values = ['', '\n', 'a\nb\n', '{"ä":"漢字 🚢 \u0000"}', 'x'.repeat(1024 * 1024)]
      for (const [i, value] of values.entries()) await written(store.create(`/p/${i}`, value))
      const { items } = await store.list('/p/')
      assert.deepEqual(
        items.map(({ value }) => value),
        values,
      )
    })

    // 1.5 MiB is etcd's --max-request-bytes; the words are in rpctypes/error.go (ErrRequestTooLarge).
    withStore('longer than 1.5 MiB are refused in the words of etcd', async (store) => {
      const tooLong = { name: 'RequestTooLargeError', message: 'etcdserver: request is too large' }
      await assert.rejects(store.create('/p/a', 'x'.repeat(1.5 * 1024 * 1024)), tooLong)
      await assert.rejects(store.create('/p/a', '漢'.repeat(512 * 1024)), tooLong)
      assert.equal(await store.get('/p/a'), undefined)
      const made = await written(store.create('/p/a', 'x'.repeat(1.5 * 1024 * 1024 - 2048)))
      await assert.rejects(store.update('/p/a', made, 'x'.repeat(2 * 1024 * 1024)), tooLong)
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

    withStore('page through 3,000 keys at one revision while all of them change', async (store) => {
      const names = Array.from({ length: 3000 }, (_, i) => `/p/${String(i).padStart(4, '0')}`)
      const made = await Promise.all(names.map((name) => store.create(name, 'old')))
      const { revision } = await store.list('/p/', { limit: 1 })
      const seen: string[] = []
      let after: string | undefined
      for (let page = 0; page < 6; page++) {
        const found = await store.list('/p/', {
          revision,
          limit: 500,
          ...(after !== undefined && { after }),
        })
        assert.deepEqual([found.revision, found.remaining], [revision, 2500 - page * 500])
        assert.ok(found.items.every(({ value }) => value === 'old'))
        seen.push(...found.items.map(({ key }) => key))
        after = seen.at(-1)
        await Promise.all(
          names.slice(page * 500, page * 500 + 500).map((name, i) => {
            const before = made[page * 500 + i]!
            assert.ok(before.ok)
            return i % 2 === 0
              ? store.delete(name, before.revision)
              : store.update(name, before.revision, 'new')
          }),
        )
        await store.create(`/p/${page}-between`, 'new')
      }
      assert.deepEqual(seen, names)
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
      assert.ok(items.every((item) => item.modRevision <= revision))
      const told = seen.events.map(revisionOf)
      assert.ok(told.every((each, i) => each > (told[i - 1] ?? revision)))
      const all = [...items.map((item) => item.modRevision), ...told]
      assert.deepEqual([all.length, new Set(all).size], [100, 100])
    })

    withStore('of many prefixes tell each its own, all of one change order', async (store) => {
      const from = await store.currentRevision()
      const all = observe(store, '/', from)
      const some = ['/p/', '/q/', '/r/'].map((prefix) => observe(store, prefix, from))
      const writes = Array.from({ length: 60 }, (_, i) =>
        store.create(`/${'pqr'[i % 3]}/${i}`, 'x'),
      )
      await Promise.all(writes)
      await all.until(() => all.events.length === 60)
      for (const [i, seen] of some.entries()) {
        await seen.until(() => seen.events.length === 20)
        const own = all.events.filter((event) => keyOf(event).startsWith(`/${'pqr'[i]}/`))
        assert.deepEqual(seen.events, own)
      }
    })

    withStore(
      'that begin in the past, as it is written on, miss and repeat nothing',
      async (store) => {
        const from = await store.currentRevision()
        const watches: Observed[] = []
        for (let i = 0; i < 40; i++) {
          const [, second] = await Promise.all([
            store.create(`/p/${i}`, '1'),
            store.create(`/o/${i}`, '1'),
          ])
          assert.ok(second.ok)
          if (i % 4 === 0) watches.push(observe(store, '/p/', from))
        }
        for (const seen of watches) {
          await seen.until(() => seen.events.length >= 40)
          assert.deepEqual(
            seen.events.map(keyOf),
            Array.from({ length: 40 }, (_, i) => `/p/${i}`),
          )
        }
      },
    )

    withStore('refuse a revision that is not there yet', async (store) => {
      const seen = observe(store, '/p/', (await store.currentRevision()) + 1000)
      await seen.until(() => seen.failures.length > 0)
      assert.ok(seen.failures[0] instanceof FutureRevisionError)
    })

    withStore('go on while what they have told is compacted', async (store) => {
      const seen = observe(store, '/p/', await store.currentRevision())
      let revision = await written(store.create('/p/a', '0'))
      for (let i = 1; i <= 30; i++) {
        revision = await written(store.update('/p/a', revision, String(i)))
        if (i % 10 === 0) await store.compact(revision - 1)
      }
      await seen.until(() => seen.events.length === 31)
      assert.deepEqual(
        seen.events.map((event) => [valueIn(event), event.previous?.value]),
        Array.from({ length: 31 }, (_, i) => [String(i), i === 0 ? undefined : String(i - 1)]),
      )
      assert.deepEqual(seen.failures, [])
    })

    withStore('of a listener that throws harm no other', async (store) => {
      const from = await store.currentRevision()
      using _broken = store.watch('/p/', from, {
        changed() {
          throw new Error('a listener that throws')
        },
        failed() {},
      })
      const seen = observe(store, '/p/', from)
      await written(store.create('/p/a', '1'))
      await seen.until(() => seen.events.length === 1)
      assert.equal((await store.get('/p/a'))?.value, '1')
    })

    withStore('end when the store is closed', async (store) => {
      const seen = observe(store, '/p/', await store.currentRevision())
      await store.close()
      await seen.until(() => seen.failures.length > 0)
      await assert.rejects(store.create('/p/a', '1'))
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

    withStore('is by one server at a time', async (store) => {
      const first = await store.claimCompaction(0, 1)
      assert.deepEqual(first, { claimed: true, turn: 1 })
      assert.deepEqual(await store.claimCompaction(first.turn, 2), { claimed: true, turn: 2 })
      await store.compact(0)
      const a = await written(store.create('/p/a', '1'))
      await store.compact(a)
      await store.compact(a) // as another server would that had the same turn
      await assert.rejects(store.compact(a + 1000), FutureRevisionError)
    })

    withStore('never gives a revision twice', async (store) => {
      const a = await written(store.create('/p/a', '1'))
      const gone = await written(store.delete('/p/a', a))
      await store.compact(gone)
      assert.equal(await written(store.create('/p/a', '2')), gone + 1)
    })
  })

  suite(`${name} restarts`, () => {
    withRestarts('find state, revision and compaction again', async (open) => {
      const first = await open()
      const a = await written(first.create('/p/a', 'ä'))
      const doomed = await written(first.create('/p/b', '1'))
      const gone = await written(first.delete('/p/b', doomed))
      await first.compact(gone)
      const second = await open()
      assert.ok((await second.currentRevision()) >= gone)
      const { items } = await second.list('/p/')
      assert.deepEqual(
        items.map((item) => [item.key, item.value, item.modRevision, item.createRevision]),
        [['/p/a', 'ä', a, a]],
      )
      await assert.rejects(second.list('/p/', { revision: a }), CompactedError)
      const c = await written(second.create('/p/c', '1'))
      assert.ok(c > gone)
    })

    withRestarts('let a watch go on where it was', async (open) => {
      const first = await open()
      const a = await written(first.create('/p/a', '1'))
      const b = await written(first.update('/p/a', a, '2'))
      await written(first.create('/o/x', '1'))
      const c = await written(first.delete('/p/a', b))
      const second = await open()
      const seen = observe(second, '/p/', a)
      const d = await written(second.create('/p/a', '3'))
      await seen.until(() => seen.events.length === 3)
      assert.deepEqual(seen.events.map(describe), [
        `put /p/a=2 @${b} was 1 @${a}`,
        `delete /p/a @${c} was 2 @${b}`,
        `put /p/a=3 @${d} was nothing`,
      ])
    })
  })
}

type Observed = ReturnType<typeof observe>

const keyOf = (event: StoreEvent): string => (event.type === 'put' ? event.item.key : event.key)
const valueIn = (event: StoreEvent): string | undefined =>
  event.type === 'put' ? event.item.value : undefined

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
