/** Texts: apiserver admission/plugin/resourcequota/controller.go. */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { createSQLiteStore } from '../../storage/sqlite/sqlite-store.ts'
import type { Store } from '../../storage/store.ts'
import { startTestServer, type TestServer } from '../../testing/test-server.ts'

const DEFAULT = '/api/v1/namespaces/default'
const QUOTA = `${DEFAULT}/resourcequotas/few`

const configMap = (name: string, more: object = {}) => ({ metadata: { name }, ...more })

/** The store, with some of its methods changed. */
const over = (store: Store, changes: Partial<Store>): Store =>
  new Proxy(store, {
    get(target, key) {
      const own = changes[key as keyof Store] ?? target[key as keyof Store]
      return typeof own === 'function' ? own.bind(target) : own
    },
  })

/** Makes the quota, and counts what there is, as its controller does. */
async function bound(server: TestServer, hard: object, used: object): Promise<void> {
  const body = { metadata: { name: 'few' }, spec: { hard } }
  const { code, body: quota } = await server.request('POST', `${DEFAULT}/resourcequotas`, { body })
  assert.equal(code, 201)
  const counted = { ...quota, status: { hard, used } }
  const put = await server.request('PUT', `${QUOTA}/status`, { body: counted })
  assert.equal(put.code, 200, put.text)
}

const usedOf = async (server: TestServer) =>
  (await server.request('GET', QUOTA)).body.status.used as Record<string, string>

/** Until a server has heard of the quota, which another may have made. */
async function heard(server: TestServer): Promise<void> {
  const body = configMap('probe')
  const deadline = performance.now() + 60_000
  for (;;) {
    const { code } = await server.request('POST', `${DEFAULT}/services?dryRun=All`, {
      body: { ...body, spec: { ports: [{ port: 80 }] } },
    })
    if (code === 403) return
    assert.ok(performance.now() < deadline, 'the quota is not heard of')
  }
}

suite('a quota', () => {
  test('is charged, refuses, and gets back what goes', async () => {
    await using server = await startTestServer()
    await bound(server, { configmaps: '2', services: '0' }, { configmaps: '1', services: '0' })
    await heard(server)
    const post = (body: object, query = '') =>
      server.request('POST', `${DEFAULT}/configmaps${query}`, { body })
    assert.equal((await post(configMap('a'), '?dryRun=All')).code, 201)
    assert.deepEqual(await usedOf(server), { configmaps: '1', services: '0' })
    assert.equal((await post(configMap('a'))).code, 201)
    assert.deepEqual(await usedOf(server), { configmaps: '2', services: '0' })
    const refused = await post(configMap('b'))
    assert.equal(refused.code, 403)
    assert.equal(
      refused.body.message,
      'configmaps "b" is forbidden: exceeded quota: few, requested: configmaps=1, used: configmaps=2, limited: configmaps=2',
    )
    assert.equal((await post(configMap('b'), '?dryRun=All')).code, 403)
    assert.equal((await server.request('DELETE', `${DEFAULT}/configmaps/a`)).code, 200)
    assert.deepEqual(await usedOf(server), { configmaps: '1', services: '0' })
  })

  test('takes nothing for what is not valid, which is said first', async () => {
    await using server = await startTestServer()
    await bound(server, { configmaps: '0', services: '0' }, { configmaps: '0', services: '0' })
    await heard(server)
    const body = configMap('Not A Name')
    const { code } = await server.request('POST', `${DEFAULT}/configmaps`, { body })
    assert.equal(code, 422)
    assert.deepEqual(await usedOf(server), { configmaps: '0', services: '0' })
  })

  test('gets back the share of a create that the store refuses', async () => {
    const memory = createSQLiteStore(':memory:')
    const store = over(memory, {
      create: async (key, value) => {
        if (key.endsWith('/default/a')) throw new Error('no')
        return memory.create(key, value)
      },
    })
    await using server = await startTestServer({ store })
    await bound(server, { configmaps: '2', services: '0' }, { configmaps: '0', services: '0' })
    await heard(server)
    const body = configMap('a')
    const { code } = await server.request('POST', `${DEFAULT}/configmaps`, { body })
    assert.equal(code, 500)
    assert.deepEqual(await usedOf(server), { configmaps: '0', services: '0' })
  })

  test('frees the resources of a pod that ends, and keeps its place in count/pods', async () => {
    await using server = await startTestServer()
    const hard = { pods: '1', 'count/pods': '5', services: '0' }
    await bound(server, hard, { pods: '0', 'count/pods': '0', services: '0' })
    await heard(server)
    const spec = { containers: [{ name: 'c', image: 'i' }] }
    const body = { metadata: { name: 'web' }, spec }
    const made = await server.request('POST', `${DEFAULT}/pods`, { body })
    assert.equal(made.code, 201, made.text)
    assert.deepEqual(await usedOf(server), { pods: '1', 'count/pods': '1', services: '0' })
    const status = { status: { phase: 'Succeeded' } }
    await server.request('PATCH', `${DEFAULT}/pods/web/status`, {
      body: status,
      headers: { 'content-type': 'application/merge-patch+json' },
    })
    assert.deepEqual(await usedOf(server), { pods: '0', 'count/pods': '1', services: '0' })
    await server.request('DELETE', `${DEFAULT}/pods/web?gracePeriodSeconds=0`)
    assert.deepEqual(await usedOf(server), { pods: '0', 'count/pods': '0', services: '0' })
  })
})

test('three servers over one store never give more than there is, nor less', async () => {
  const store = createSQLiteStore(':memory:')
  const shared = over(store, { close: async () => {} })
  await using first = await startTestServer({ store: shared })
  await using second = await startTestServer({ store: shared })
  await using third = await startTestServer({ store: shared })
  const servers = [first, second, third]
  await bound(first, { configmaps: '20', services: '0' }, { configmaps: '0', services: '0' })
  await Promise.all(servers.map(heard))
  const codes = await Promise.all(
    Array.from({ length: 60 }, async (_, i) => {
      const body = configMap(`c${i}`)
      return (await servers[i % 3]!.request('POST', `${DEFAULT}/configmaps`, { body })).code
    }),
  )
  const counts = [201, 403].map((code) => codes.filter((each) => each === code).length)
  assert.deepEqual(counts, [20, 40])
  const { body } = await first.request('GET', `${DEFAULT}/configmaps`)
  const ours = body.items.filter(({ metadata }: { metadata: { name: string } }) =>
    /^c\d+$/.test(metadata.name),
  )
  assert.equal(ours.length, 20)
  assert.deepEqual(await usedOf(first), { configmaps: '20', services: '0' })
  await store.close()
})
