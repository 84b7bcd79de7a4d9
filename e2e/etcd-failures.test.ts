import assert from 'node:assert/strict'
import { connect, createServer as createTCPServer, type Socket } from 'node:net'
import { after, before, suite, test } from 'node:test'
import { openEtcdStore } from '#apiserver/storage/etcd/etcd-store.ts'
import { revisionOf, type Store, StoreUnavailableError } from '#apiserver/storage/store.ts'
import { startTestServer } from '#apiserver/testing/test-server.ts'
import type { EtcdAccess } from '#etcd/etcd-client.ts'
import { startTestEtcd, type TestEtcd } from './support/etcd.ts'

/** Bytes pass in both directions until they are cut or held back. */
interface BreakableLine extends AsyncDisposable {
  readonly url: string
  /** Answers of etcd are swallowed from now on, requests still pass. */
  swallow(): void
  /** Breaks all connections; new ones pass. */
  cut(): void
}

async function startLine(target: string): Promise<BreakableLine> {
  const { port } = new URL(target)
  const sockets = new Set<Socket>()
  let swallowing = false
  const server = createTCPServer((near) => {
    const far = connect(Number(port), '127.0.0.1')
    for (const socket of [near, far]) {
      sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => {
        near.destroy()
        far.destroy()
        sockets.delete(socket)
      })
    }
    near.pipe(far)
    far.on('data', (bytes) => {
      if (!swallowing) near.write(bytes)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address() as { port: number }
  const cut = () => {
    swallowing = false
    for (const socket of sockets) socket.destroy()
  }
  return {
    url: `https://127.0.0.1:${address.port}`,
    swallow() {
      swallowing = true
    },
    cut,
    async [Symbol.asyncDispose]() {
      cut()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

suite('openEtcdStore() with a connection that breaks', () => {
  let etcd: TestEtcd
  let line: BreakableLine
  let store: Store
  let direct: Store
  before(async () => {
    etcd = await startTestEtcd()
    line = await startLine(etcd.access.endpoints[0]!)
    const prefix = '/test/failures'
    direct = await openEtcdStore({ ...etcd.access, prefix })
    store = await openEtcdStore({ ...etcd.access, endpoints: [line.url], prefix })
  })
  after(async () => {
    await store.close()
    await direct.close()
    await line[Symbol.asyncDispose]()
    await etcd[Symbol.asyncDispose]()
  })

  /** Makes a write, waits until it is made, and cuts the connection before its answer is let through. */
  async function loseAnswer<T>(
    write: () => Promise<T>,
    isMade: () => Promise<boolean>,
  ): Promise<T> {
    line.swallow()
    const outcome = write()
    outcome.catch(() => {})
    while (!(await isMade())) await new Promise((resolve) => setImmediate(resolve))
    line.cut()
    return await outcome
  }

  test('a creation whose answer is lost is found to be made, once', async () => {
    const key = '/p/created'
    const result = await loseAnswer(
      () => store.create(key, 'v'),
      async () => (await direct.get(key)) !== undefined,
    )
    const item = await direct.get(key)
    assert.deepEqual(result, { ok: true, revision: item?.modRevision })
    assert.equal(item?.createRevision, item?.modRevision)
  })

  test('an update whose answer is lost is found to be made, once, though others wrote after it', async () => {
    const made = await store.create('/p/updated', '1')
    assert.ok(made.ok)
    let ours = 0
    const result = await loseAnswer(
      () => store.update('/p/updated', made.revision, '2'),
      async () => {
        const item = await direct.get('/p/updated')
        if (item?.value !== '2') return false
        ours = item.modRevision
        await direct.update('/p/updated', ours, '3')
        return true
      },
    )
    assert.deepEqual(result, { ok: true, revision: ours })
    assert.equal((await store.get('/p/updated'))?.value, '3')
  })

  test('a deletion whose answer is lost is found to be made', async () => {
    const made = await store.create('/p/deleted', '1')
    assert.ok(made.ok)
    const result = await loseAnswer(
      () => store.delete('/p/deleted', made.revision),
      async () => (await direct.get('/p/deleted')) === undefined,
    )
    assert.ok(result.ok)
  })

  test('an equal write of somebody else is not taken for the own one', async () => {
    const made = await store.create('/p/equal', '1')
    assert.ok(made.ok)
    const theirs = await direct.update('/p/equal', made.revision, '2')
    assert.ok(theirs.ok)
    line.swallow()
    const outcome = store.update('/p/equal', made.revision, '2')
    await new Promise((resolve) => setTimeout(resolve, 20))
    line.cut()
    const result = await outcome
    assert.ok(!result.ok)
    assert.equal(result.current?.modRevision, theirs.revision)
  })

  test('a watch goes on, and reads wait for what others wrote meanwhile', async () => {
    const seen: number[] = []
    const failures: Error[] = []
    using _watch = store.watch('/w/', await store.currentRevision(), {
      changed: (events) => void seen.push(...events.map(revisionOf)),
      failed: (error) => void failures.push(error),
    })
    const written: number[] = []
    for (let i = 0; i < 30; i++) {
      if (i % 10 === 5) line.cut()
      const result = await direct.create(`/w/${i}`, '1')
      assert.ok(result.ok)
      written.push(result.revision)
      assert.equal((await store.get(`/w/${i}`))?.modRevision, result.revision)
    }
    await store.currentRevision()
    assert.deepEqual(seen, written)
    assert.deepEqual(failures, [])
  })

  test('a watch whose past is compacted while it was away is ended, and the state is read anew', async () => {
    const failed = Promise.withResolvers<Error>()
    using _watch = store.watch('/c/', await store.currentRevision(), {
      changed() {},
      failed: failed.resolve,
    })
    line.swallow()
    let last = 0
    for (let i = 0; i < 5; i++) {
      const result = await direct.create(`/c/${i}`, '1')
      assert.ok(result.ok)
      last = result.revision
    }
    await direct.compact(last)
    line.cut()
    assert.equal((await failed.promise).name, 'CompactedError')
    assert.equal((await store.list('/c/')).items.length, 5)
  })

  test('writes of others to the same etcd hold no read up', async () => {
    const other = await openEtcdStore({ ...etcd.access, prefix: '/elsewhere' })
    for (let i = 0; i < 3; i++) {
      const result = await other.create(`/x/${i}`, '1')
      assert.ok(result.ok)
      assert.ok((await store.currentRevision()) >= result.revision)
    }
    assert.deepEqual((await store.list('/x/')).items, [])
    await other.close()
  })
})

suite('openEtcdStore() with three members', () => {
  test('serves on while members are killed and come back; without a majority it says so', async () => {
    await using etcd = await startTestEtcd(3, ['--heartbeat-interval=50', '--election-timeout=500'])
    const store = await openEtcdStore({ ...etcd.access, prefix: '/test', patienceMs: 2_000 })
    try {
      const revisions: number[] = []
      using _watch = store.watch('/p/', await store.currentRevision(), {
        changed: (events) => void revisions.push(...events.map(revisionOf)),
        failed: (error) => assert.fail(error),
      })
      const written: number[] = []
      let names = 0
      const write = async () => {
        const result = await store.create(`/p/${names++}`, '1')
        assert.ok(result.ok)
        written.push(result.revision)
      }
      await write()
      for (const member of [0, 1, 2]) {
        await etcd.kill(member)
        for (let i = 0; i < 5; i++) await settled(write)
        etcd.start(member)
        // The next one may only go when this one is back: two of three are a majority.
        await settled(() => isMember(etcd.access, member))
      }
      await store.currentRevision()
      assert.deepEqual(
        revisions.filter((revision) => written.includes(revision)),
        written,
      )
      assert.deepEqual(
        revisions,
        revisions.toSorted((a, b) => a - b),
      )
      assert.equal(new Set(revisions).size, revisions.length)
      await etcd.kill(0)
      await etcd.kill(1)
      await assert.rejects(store.create('/p/lonely', '1'), StoreUnavailableError)
    } finally {
      await store.close()
    }
  })

  test('goes on with the others when a member freezes, leader or not', async () => {
    await using etcd = await startTestEtcd(3, ['--heartbeat-interval=50', '--election-timeout=500'])
    const store = await openEtcdStore({ ...etcd.access, prefix: '/test', patienceMs: 4_000 })
    try {
      const seen: number[] = []
      using _watch = store.watch('/p/', await store.currentRevision(), {
        changed: (events) => void seen.push(...events.map(revisionOf)),
        failed: (error) => assert.fail(error),
      })
      const written: number[] = []
      for (const member of [0, 1, 2]) {
        etcd.freeze(member)
        for (let i = 0; i < 3; i++) {
          const key = `/p/${member}-${i}`
          // An answer that came too late may have been that of a write which was made.
          await settled(async () => {
            const result = await store.create(key, '1')
            const revision = result.ok ? result.revision : result.current?.modRevision
            assert.ok(revision)
            written.push(revision)
          })
          await settled(async () => assert.equal((await store.get(key))?.value, '1'))
        }
        etcd.thaw(member)
        await settled(() => isMember(etcd.access, member))
      }
      await settled(() => store.currentRevision())
      assert.equal(written.length, 9)
      assert.deepEqual(seen, written)
    } finally {
      for (const member of [0, 1, 2]) etcd.thaw(member)
      await store.close()
    }
  })

  /** A client of a real cluster tries again when it is told that an answer was lost. */
  async function settled(action: () => Promise<unknown>): Promise<void> {
    for (let attempt = 0; ; attempt++) {
      try {
        await action()
        return
      } catch (error) {
        if (!(error instanceof StoreUnavailableError) || attempt > 30) throw error
      }
    }
  }

  async function isMember(access: EtcdAccess, member: number): Promise<void> {
    const one = { ...access, endpoints: [access.endpoints[member]!], prefix: '/test' }
    const store = await openEtcdStore(one)
    await store.close()
  }
})

// Source: apiserver pkg/server/healthz/healthz.go, endpoints/handlers/responsewriters/status.go.
suite('createAPIServer() over an etcd that freezes', () => {
  test("says so: /readyz fails, requests get etcd's words, and all is well afterwards", async () => {
    await using etcd = await startTestEtcd()
    const store = await openEtcdStore({ ...etcd.access, prefix: '/test', patienceMs: 2_000 })
    await using server = await startTestServer({ store })
    const maps = '/api/v1/namespaces/default/configmaps'
    const answer = async (method: string, path: string, body?: object) => {
      const { code, text, body: parsed } = await server.request(method, path, { body })
      return { code, text, body: parsed }
    }
    assert.equal((await answer('GET', '/readyz')).text, 'ok')
    etcd.freeze(0)
    try {
      const readiness = await answer('GET', '/readyz')
      assert.equal(readiness.code, 500)
      assert.match(readiness.text, /^\[-\]storage failed: reason withheld$/m)
      assert.match(readiness.text, /readyz check failed\n$/)
      assert.equal((await answer('GET', '/livez')).code, 200)
      for (const [method, body] of [
        ['GET', undefined],
        ['POST', { metadata: { name: 'late' } }],
      ] as const) {
        const began = performance.now()
        const refused = await answer(method, maps, body)
        assert.equal(refused.code, 500, refused.text)
        assert.match(refused.body.message, /^(etcdserver: request timed out|Cannot reach etcd at )/)
        assert.equal(refused.body.status, 'Failure')
        assert.ok(performance.now() - began < 30_000)
      }
    } finally {
      etcd.thaw(0)
    }
    for (const deadline = performance.now() + 120_000; ; ) {
      if ((await answer('GET', '/readyz')).code === 200) break
      assert.ok(performance.now() < deadline, 'not ready 120 s after etcd came back')
    }
    const { code } = await answer('POST', maps, { metadata: { name: 'after' } })
    assert.equal(code, 201)
  })
})
