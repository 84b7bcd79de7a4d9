import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { ConfigMap } from '#api/core.ts'
import * as resources from '#api/resources.ts'
import { createLog } from '#log/log.ts'
import { waitFor } from '#testing/wait-for.ts'
import { createInformer } from './create-informer.ts'
import { createFakeAPI, type FakeAPI } from './fake-api.ts'
import { createAPI } from './http-api.ts'
import type { Informer } from './informer.ts'
import { createWatchErrorLog } from './log-watch-errors.ts'
import { makeIdentity, startServer } from './test-server.ts'

const map = (name: string, extra: Partial<ConfigMap['metadata']> = {}): ConfigMap => ({
  metadata: { name, namespace: 'default', ...extra },
})

async function withInformer(
  use: (api: FakeAPI, informer: ReturnType<typeof createInformer<ConfigMap>>) => Promise<void>,
) {
  const api = createFakeAPI()
  const abort = new AbortController()
  try {
    await use(api, createInformer(api, resources.configMaps, abort.signal))
  } finally {
    abort.abort()
  }
}

/** Resolves with the first change that `accept` takes; what is known already counts. */
function changeOf<T extends ConfigMap>(
  informer: Informer<T>,
  accept: (type: string, name: string) => boolean,
): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const timer = setTimeout(() => reject(new Error('no such change within 60 s')), 60_000)
  informer.subscribe(({ type, object }) => {
    if (accept(type, object.metadata.name)) resolve()
  })
  return promise.finally(() => clearTimeout(timer))
}
const isNow = (type: string, name: string) => (gotType: string, gotName: string) =>
  gotType === type && gotName === name

suite('createInformer()', () => {
  test('lists, then follows', () =>
    withInformer(async (api, informer) => {
      await api.create(resources.configMaps, map('a', { labels: { app: 'x' } }))
      await informer.synced
      await api.create(resources.configMaps, map('b'))
      await changeOf(informer, isNow('added', 'b'))
      assert.deepEqual(
        informer.list().map(({ metadata }) => metadata.name),
        ['a', 'b'],
      )
      assert.deepEqual(
        informer.select('default', { app: 'x' }).map(({ metadata }) => metadata.name),
        ['a'],
      )
      assert.equal(informer.get({ namespace: 'other', name: 'a' }), undefined)
    }))

  test('tells a late subscriber what is there', () =>
    withInformer(async (api, informer) => {
      await api.create(resources.configMaps, map('a'))
      await changeOf(informer, isNow('added', 'a'))
      const seen: string[] = []
      informer.subscribe(({ type, object }) => seen.push(`${type} ${object.metadata.name}`))
      assert.deepEqual(seen, ['added a'])
    }))

  test('goes on from its revision when the watch ends', () =>
    withInformer(async (api, informer) => {
      await informer.synced
      await api.create(resources.configMaps, map('a'))
      await changeOf(informer, isNow('added', 'a'))
      api.dropWatches()
      await api.create(resources.configMaps, map('b'))
      await changeOf(informer, isNow('added', 'b'))
      assert.equal(api.requests.filter((request) => request.startsWith('list')).length, 1)
    }))

  test('lists again after 410 and reports what was deleted meanwhile', () =>
    withInformer(async (api, informer) => {
      await api.create(resources.configMaps, map('a'))
      await changeOf(informer, isNow('added', 'a'))
      const deleted = changeOf(informer, isNow('deleted', 'a'))
      api.failure = new Error('away')
      api.dropWatches()
      await new Promise((resolve) => setImmediate(resolve))
      api.failure = undefined
      await api.delete(resources.configMaps, { namespace: 'default', name: 'a' })
      await api.create(resources.configMaps, map('b'))
      api.compact()
      await deleted
      await changeOf(informer, isNow('added', 'b'))
      assert.deepEqual(
        informer.list().map(({ metadata }) => metadata.name),
        ['b'],
      )
    }))

  test('sees an own write at once, and its deletion later', () =>
    withInformer(async (api, informer) => {
      await informer.synced
      informer.remember(await api.create(resources.configMaps, map('a')))
      assert.ok(informer.get({ namespace: 'default', name: 'a' }))
      await api.delete(resources.configMaps, { namespace: 'default', name: 'a' })
      await changeOf(informer, isNow('deleted', 'a'))
      assert.equal(informer.get({ namespace: 'default', name: 'a' }), undefined)
    }))

  test('ignores an own write that the watch is past', () =>
    withInformer(async (api, informer) => {
      await informer.synced
      const created = await api.create(resources.configMaps, map('a'))
      await api.delete(resources.configMaps, { namespace: 'default', name: 'a' })
      await changeOf(informer, isNow('deleted', 'a'))
      informer.remember(created)
      assert.deepEqual(informer.list(), [])
    }))

  test('starts without a server, and rejects synced only when it is stopped', async () => {
    const api = createFakeAPI()
    api.failure = new Error('away')
    const abort = new AbortController()
    const failed = Promise.withResolvers<unknown>()
    const informer = createInformer(api, resources.configMaps, abort.signal, {
      onError: failed.resolve,
    })
    assert.equal(await failed.promise, api.failure)
    abort.abort()
    await assert.rejects(informer.synced, { name: 'AbortError' })
  })

  // Source of the words: client-go tools/cache/reflector.go, DefaultWatchErrorHandler; of the type: the names in refusals of kubectl.
  test('a log of what fails names the resource', async () => {
    const api = createFakeAPI()
    api.failure = new Error('server is down')
    const abort = new AbortController()
    const lines: string[] = []
    const onError = createWatchErrorLog(createLog('proxy', (line) => lines.push(line)))
    createInformer(api, resources.services, abort.signal, { onError })
    createInformer(api, resources.endpointSlices, abort.signal, { onError })
    await waitFor(() => lines.length >= 2, { what: 'both to be told' })
    abort.abort()
    for (const type of ['services', 'endpointslices.discovery.k8s.io'])
      assert.ok(
        lines.some((line) =>
          line.endsWith(
            ` warn proxy: Failed to watch {"type":"${type}","error":"server is down"}\n`,
          ),
        ),
        lines.join(''),
      )
  })
})

suite('createInformer() over the wire', () => {
  test('survives a restart of the server: nothing lost, nothing twice', async () => {
    const identity = await makeIdentity()
    const backend = createFakeAPI()
    const serve = (port?: number) =>
      startServer(
        identity,
        async (request, response) => {
          const url = new URL(request.url, 'https://x')
          if (!url.searchParams.has('watch')) {
            const { items, resourceVersion } = await backend.list(resources.configMaps)
            response.end(JSON.stringify({ metadata: { resourceVersion }, items }))
            return
          }
          const gone = new AbortController()
          response.once('close', () => gone.abort())
          response.writeHead(200)
          const options = { resourceVersion: url.searchParams.get('resourceVersion') ?? '' }
          for await (const event of backend.watch(resources.configMaps, options, gone.signal)) {
            response.write(`${JSON.stringify(event)}\n`)
          }
        },
        port,
      )
    let server = await serve()
    const abort = new AbortController()
    await using api = createAPI(server.access)
    try {
      const informer = createInformer(api, resources.configMaps, abort.signal)
      const seen: string[] = []
      informer.subscribe(({ type, object }) => seen.push(`${type} ${object.metadata.name}`))
      await informer.synced
      await backend.create(resources.configMaps, map('before'))
      await changeOf(informer, isNow('added', 'before'))
      await server[Symbol.asyncDispose]()
      await backend.create(resources.configMaps, map('during'))
      server = await serve(server.port)
      await changeOf(informer, isNow('added', 'during'))
      await backend.create(resources.configMaps, map('after'))
      await changeOf(informer, isNow('added', 'after'))
      assert.deepEqual(seen, ['added before', 'added during', 'added after'])
    } finally {
      abort.abort()
      await server[Symbol.asyncDispose]()
    }
  })
})
