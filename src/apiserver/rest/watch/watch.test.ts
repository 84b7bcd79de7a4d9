import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import { startTestServer, type TestServer, type WatchLine } from '../../testing/test-server.ts'

let server: TestServer

before(async () => {
  server = await startTestServer()
})
after(() => server[Symbol.asyncDispose]())

const PATH = '/api/v1/namespaces/default/configmaps'
const MERGE = { 'content-type': 'application/merge-patch+json' }
const TABLE = { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json' }

const put = (name: string, labels: Record<string, string> = {}) =>
  server.request('POST', PATH, { body: { metadata: { name, labels } } })
const label = (name: string, labels: Record<string, string | null>) =>
  server.request('PATCH', `${PATH}/${name}`, { body: { metadata: { labels } }, headers: MERGE })
const remove = (name: string) => server.request('DELETE', `${PATH}/${name}`)
const revision = async () => (await server.request('GET', PATH)).body.metadata.resourceVersion

async function take(events: AsyncGenerator<WatchLine>, count: number): Promise<WatchLine[]> {
  const taken: WatchLine[] = []
  for await (const event of events) {
    taken.push(event)
    if (taken.length === count) break
  }
  return taken
}

const brief = ({ type, object }: WatchLine) => `${type} ${object.metadata.name}`

suite('watch', () => {
  test('goes on from a list, past and present alike', async () => {
    const from = await revision()
    await put('w1')
    const events = take(server.watch(`${PATH}?watch=true&resourceVersion=${from}`), 3)
    await label('w1', { a: 'b' })
    await remove('w1')
    const [added, modified, deleted] = await events
    assert.deepEqual(
      [added, modified, deleted].map((event) => brief(event!)),
      ['ADDED w1', 'MODIFIED w1', 'DELETED w1'],
    )
    // A DELETED object is the last state, with the revision of the deletion (storage/etcd3/watcher.go).
    assert.deepEqual(deleted!.object.metadata.labels, { a: 'b' })
    const revisions = [added, modified, deleted].map((event) =>
      Number(event!.object.metadata.resourceVersion),
    )
    assert.deepEqual(revisions, [revisions[0]!, revisions[0]! + 1, revisions[0]! + 2])
  })

  test('by selector makes objects come and go as they start and stop to match', async () => {
    const from = await revision()
    await put('w2', { tier: 'back' })
    await label('w2', { tier: 'front' })
    await label('w2', { other: 'x' })
    await label('w2', { tier: null })
    await label('w2', { other: 'y' })
    await label('w2', { tier: 'front' })
    await remove('w2')
    const path = `${PATH}?watch=1&resourceVersion=${from}&labelSelector=tier%3Dfront`
    const events = await take(server.watch(path), 5)
    assert.deepEqual(events.map(brief), [
      'ADDED w2',
      'MODIFIED w2',
      'DELETED w2',
      'ADDED w2',
      'DELETED w2',
    ])
  })

  test('by name sees one object only', async () => {
    const from = await revision()
    await put('w3')
    await put('w33')
    await remove('w33')
    await remove('w3')
    const path = `${PATH}?watch=1&resourceVersion=${from}&fieldSelector=metadata.name%3Dw3`
    assert.deepEqual((await take(server.watch(path), 2)).map(brief), ['ADDED w3', 'DELETED w3'])
  })

  test('without a revision begins with what there is', async () => {
    await put('w4')
    const events = await take(server.watch(`${PATH}?watch=1&fieldSelector=metadata.name%3Dw4`), 1)
    assert.deepEqual(events.map(brief), ['ADDED w4'])
    await remove('w4')
  })

  test('streams the state, then a bookmark that says so', async () => {
    await put('w5')
    // KEP-3157; the annotation is metav1.InitialEventsAnnotationKey.
    const query =
      'watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true'
    const path = `${PATH}?${query}&fieldSelector=metadata.name%3Dw5`
    const [added, bookmark] = await take(server.watch(path), 2)
    assert.equal(brief(added!), 'ADDED w5')
    assert.deepEqual(
      [bookmark!.type, bookmark!.object.kind, bookmark!.object.metadata.annotations],
      ['BOOKMARK', 'ConfigMap', { 'k8s.io/initial-events-end': 'true' }],
    )
    assert.equal(bookmark!.object.metadata.resourceVersion, await revision())
    await remove('w5')
  })

  // apiserver endpoints/handlers/response.go, doTransformObject(): all events, and so bookmarks too.
  const forms = [
    { form: 'PartialObjectMetadata', kind: 'PartialObjectMetadata' },
    { form: 'Table', kind: 'Table' },
  ]
  for (const { form, kind } of forms) {
    test(`as ${form} has bookmarks of that form`, async () => {
      await put('w7')
      const query =
        'watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true'
      const path = `${PATH}?${query}&fieldSelector=metadata.name%3Dw7`
      const accept = { accept: `application/json;as=${form};v=v1;g=meta.k8s.io` }
      const [added, bookmark] = await take(server.watch(path, accept), 2)
      assert.deepEqual([added!.object.kind, bookmark!.object.kind], [kind, kind])
      const shown = form === 'Table' ? bookmark!.object.rows[0].object : bookmark!.object
      assert.deepEqual(
        [bookmark!.type, shown.kind, shown.apiVersion, shown.metadata.annotations],
        [
          'BOOKMARK',
          'PartialObjectMetadata',
          'meta.k8s.io/v1',
          { 'k8s.io/initial-events-end': 'true' },
        ],
      )
      assert.equal(bookmark!.object.metadata.resourceVersion, await revision())
      await remove('w7')
    })
  }

  // apiserver storage/cacher/watch_cache.go, getAllEventsSinceLocked(): of any revision, so of the latest.
  for (const resourceVersion of ['', '0']) {
    test(`that wants no state, from "${resourceVersion}", begins with now`, async () => {
      await put('w8')
      const query = `watch=1&sendInitialEvents=false&resourceVersionMatch=NotOlderThan&resourceVersion=${resourceVersion}&allowWatchBookmarks=true&timeoutSeconds=1`
      const events = await Array.fromAsync(server.watch(`${PATH}?${query}`))
      assert.deepEqual(
        events.map(({ type }) => type),
        ['BOOKMARK'],
      )
      await remove('w8')
    })
  }

  test('ends at its timeout, with a last bookmark', async () => {
    const from = await revision()
    await server.request('POST', '/api/v1/namespaces', {
      body: { metadata: { name: 'elsewhere' } },
    })
    const path = `${PATH}?watch=1&resourceVersion=${from}&timeoutSeconds=1&allowWatchBookmarks=true`
    const events = await Array.fromAsync(server.watch(path))
    assert.deepEqual(
      events.map(({ type }) => type),
      ['BOOKMARK'],
    )
    assert.ok(Number(events[0]!.object.metadata.resourceVersion) > Number(from))
  })

  test('writes Tables for kubectl', async () => {
    const from = await revision()
    await put('w6')
    const [event] = await take(server.watch(`${PATH}?watch=1&resourceVersion=${from}`, TABLE), 1)
    const { kind, rows, columnDefinitions } = event!.object
    assert.deepEqual([kind, rows.length, rows[0].object.metadata.name], ['Table', 1, 'w6'])
    assert.deepEqual(
      columnDefinitions.map(({ name }: { name: string }) => name),
      ['Name', 'Data', 'Age'],
    )
    await remove('w6')
  })

  test('from a compacted revision is an ERROR event, 410', async () => {
    const from = await revision()
    await put('w7')
    await remove('w7')
    await server.store.compact(await server.store.currentRevision())
    const [event] = await Array.fromAsync(server.watch(`${PATH}?watch=1&resourceVersion=${from}`))
    assert.deepEqual(
      [event!.type, event!.object.code, event!.object.reason],
      ['ERROR', 410, 'Expired'],
    )
    // storage/cacher/watch_cache.go: "too old resource version: %d (%d)"
    assert.match(event!.object.message, /^too old resource version: \d+ \(\d+\)$/)
  })

  test('of many watchers delivers every event to each, once and in order', async () => {
    const from = await revision()
    const names = Array.from({ length: 30 }, (_, i) => `many-${i}`)
    const watching = Array.from({ length: 20 }, () =>
      take(server.watch(`${PATH}?watch=1&resourceVersion=${from}`), names.length),
    )
    await Promise.all(names.map((name) => put(name)))
    const [first, ...others] = (await Promise.all(watching)).map((events) =>
      events.map(({ object }) => Number(object.metadata.resourceVersion)),
    )
    assert.deepEqual(
      first,
      first!.toSorted((a, b) => a - b),
    )
    assert.equal(new Set(first).size, names.length)
    for (const other of others) assert.deepEqual(other, first)
  })

  test('cuts off a client that does not read, and goes on for the others', async () => {
    const from = await revision()
    const lazy = server
      .connectAs(server.admin)
      .request({ ':path': `${PATH}?watch=1&resourceVersion=${from}` })
    lazy.pause()
    lazy.on('error', () => {}) // it is reset
    const cutOff = new Promise<void>((resolve) => lazy.once('close', resolve))
    const body = { metadata: { name: 'heavy' }, data: { k: '0'.repeat(1_000_000) } }
    await server.request('POST', PATH, { body })
    let isOpen = true
    void cutOff.then(() => (isOpen = false))
    let writes = 1
    // The limit is 32 MiB; the client's own window takes some more.
    for (; isOpen && writes < 60; writes++) {
      const changed = { data: { k: String(writes % 10).repeat(1_000_000) } }
      await server.request('PATCH', `${PATH}/heavy`, { body: changed, headers: MERGE })
    }
    await cutOff
    await remove('heavy')
    const events = await take(server.watch(`${PATH}?watch=1&resourceVersion=${from}`), writes + 1)
    assert.equal(events.at(-1)!.type, 'DELETED')
  })
})
