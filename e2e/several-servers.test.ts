import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import { leases } from '#api/resources.ts'
import { openEtcdStore } from '#apiserver/storage/etcd/etcd-store.ts'
import { startTestServer, type TestServer } from '#apiserver/testing/test-server.ts'
import { createAPI } from '#client/http-api.ts'
import { runAsLeader } from '#client/leader-election/leader-election.ts'
import { cidr } from '#ip/cidr.ts'
import { silentLog } from '#log/log.ts'
import { createServiceAdmission } from '#service-network/cluster-ip/service-admission.ts'
import { eventually } from './support/cluster.ts'
import { startTestEtcd, type TestEtcd } from './support/etcd.ts'

const MAPS = '/api/v1/namespaces/default/configmaps'

const configMap = (name: string, value = '1') => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name },
  data: { value },
})

// The promise: clients cannot tell by which of several API servers over one etcd they are served.
suite('Two API servers over one etcd', () => {
  let etcd: TestEtcd
  let servers: readonly TestServer[]
  before(async () => {
    etcd = await startTestEtcd()
    // At the same time: both make what every cluster has.
    servers = await Promise.all(
      [1, 2].map(async () =>
        startTestServer({
          store: await openEtcdStore({ ...etcd.access, prefix: '/test/servers' }),
          admission: [
            createServiceAdmission({ serviceCIDRs: [cidr('10.96.0.0/16')], log: silentLog }),
          ],
          kubernetes: { clusterIP: '10.96.0.1', addresses: ['172.30.0.2'], port: 6443 },
        }),
      ),
    )
  })
  after(async () => {
    for (const server of servers ?? []) await server[Symbol.asyncDispose]()
    await etcd?.[Symbol.asyncDispose]()
  })

  test('show what was written by the other: objects, lists, deletions, at once', async () => {
    const [a, b] = servers as [TestServer, TestServer]
    for (let i = 0; i < 50; i++) {
      const [writer, reader] = i % 2 ? [a, b] : [b, a]
      const made = await writer.request('POST', MAPS, { body: configMap(`fresh-${i}`) })
      assert.equal(made.code, 201, made.text)
      const found = await reader.request('GET', `${MAPS}/fresh-${i}`)
      assert.equal(found.body.metadata.resourceVersion, made.body.metadata.resourceVersion)
      const list = await reader.request('GET', MAPS)
      assert.ok(
        list.body.items.some(
          (item: { metadata: { name: string } }) => item.metadata.name === `fresh-${i}`,
        ),
      )
      const gone = await reader.request('DELETE', `${MAPS}/fresh-${i}`)
      assert.equal(gone.code, 200)
      assert.equal((await writer.request('GET', `${MAPS}/fresh-${i}`)).code, 404)
    }
  })

  test('let a list of one be watched on at the other, without gap or repetition', async () => {
    const [a, b] = servers as [TestServer, TestServer]
    const list = await a.request('GET', MAPS)
    const { resourceVersion } = list.body.metadata
    await Promise.all(
      Array.from({ length: 40 }, (_, i) =>
        servers[i % 2]!.request('POST', MAPS, { body: configMap(`watched-${i}`) }),
      ),
    )
    const events = await Promise.all(
      [a, b].map(async (server) => {
        const seen: [string, string][] = []
        for await (const { object } of server.watch(
          `${MAPS}?watch=true&resourceVersion=${resourceVersion}`,
        )) {
          seen.push([object.metadata.resourceVersion, object.metadata.name])
          if (seen.length === 40) break
        }
        return seen
      }),
    )
    assert.deepEqual(events[0], events[1])
    const revisions = events[0]!.map(([revision]) => Number(revision))
    assert.deepEqual(
      revisions,
      revisions.toSorted((x, y) => x - y),
    )
    assert.equal(new Set(events[0]!.map(([, name]) => name)).size, 40)
  })

  test('give pages of one list in turns', async () => {
    const names: string[] = []
    let token = ''
    let revision: string | undefined
    for (let i = 0; ; i++) {
      const query = `limit=7${token && `&continue=${encodeURIComponent(token)}`}`
      const { body } = await servers[i % 2]!.request('GET', `${MAPS}?${query}`)
      revision ??= body.metadata.resourceVersion
      assert.equal(body.metadata.resourceVersion, revision)
      names.push(...body.items.map((item: { metadata: { name: string } }) => item.metadata.name))
      await servers[(i + 1) % 2]!.request('POST', MAPS, { body: configMap(`between-${i}`) })
      token = body.metadata.continue ?? ''
      if (!token) break
    }
    assert.equal(names.filter((name) => name.startsWith('watched-')).length, 40)
    assert.equal(names.filter((name) => name.startsWith('between-')).length, 0)
  })

  test('decide a race of two writers: one creation, one update from a revision', async () => {
    const codes = await Promise.all(
      [0, 1].map(
        async (i) =>
          (await servers[i]!.request('POST', MAPS, { body: configMap('raced', `${i}`) })).code,
      ),
    )
    assert.deepEqual(codes.toSorted(), [201, 409])
    const { body } = await servers[0]!.request('GET', `${MAPS}/raced`)
    const updates = await Promise.all(
      [0, 1].map(
        async (i) =>
          (
            await servers[i]!.request('PUT', `${MAPS}/raced`, {
              body: { ...body, data: { value: `again-${i}` } },
            })
          ).code,
      ),
    )
    assert.deepEqual(updates.toSorted(), [200, 409])
  })

  test('give each Service addresses and ports of its own', async () => {
    const path = '/api/v1/namespaces/default/services'
    const service = (name: string, nodePort?: number) => ({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name },
      spec: { type: 'NodePort', ports: [{ port: 80, ...(nodePort && { nodePort }) }] },
    })
    const made = await Promise.all(
      Array.from({ length: 40 }, (_, i) =>
        servers[i % 2]!.request('POST', path, { body: service(`svc-${i}`) }),
      ),
    )
    for (const { code, text } of made) assert.equal(code, 201, text)
    assert.equal(new Set(made.map(({ body }) => body.spec.clusterIP)).size, 40)
    assert.equal(new Set(made.map(({ body }) => body.spec.ports[0].nodePort)).size, 40)
    const raced = await Promise.all(
      [0, 1].map((i) => servers[i]!.request('POST', path, { body: service(`raced-${i}`, 30_001) })),
    )
    assert.deepEqual(raced.map(({ code }) => code).toSorted(), [201, 422])
  })

  test('make what every cluster has once', async () => {
    const { body } = await servers[0]!.request('GET', '/api/v1/namespaces')
    const names = body.items.map((item: { metadata: { name: string } }) => item.metadata.name)
    for (const name of ['default', 'kube-system', 'kube-public', 'kube-node-lease'])
      assert.equal(names.filter((each: string) => each === name).length, 1)
  })

  // storage/cacher/watch_cache.go waits three seconds (blockTimeout), then storage/errors.go NewTooLargeResourceVersionError.
  test('wait for a revision that one of them has not reached, and after three seconds say that it is too large', async () => {
    const current = Number((await servers[0]!.request('GET', MAPS)).body.metadata.resourceVersion)
    const reading = servers[1]!.request(
      'GET',
      `${MAPS}?resourceVersion=${current + 1}&resourceVersionMatch=NotOlderThan`,
    )
    await servers[0]!.request('POST', MAPS, { body: configMap('awaited') })
    assert.equal((await reading).code, 200)
    const started = performance.now()
    const refused = await servers[1]!.request('GET', `${MAPS}?resourceVersion=${current + 1000}`)
    assert.ok(performance.now() - started >= 2_900)
    assert.equal(refused.code, 504)
    assert.match(refused.body.message, /^Timeout: Too large resource version: \d+, current: \d+$/)
    assert.equal(refused.body.details.retryAfterSeconds, 1)
  })

  test('have one leader among the controllers of both, and another when it stops', async () => {
    const where = { namespace: 'kube-system', name: 'kube-controller-manager' }
    const times = { leaseDurationMs: 60_000, renewDeadlineMs: 40_000, retryPeriodMs: 300 }
    const leading = new Set<string>()
    const candidates = await Promise.all(
      servers.map(async ({ url, authority, admin }, i) => {
        const api = createAPI({ server: url, caPEM: authority.caPEM, ...admin })
        const stop = new AbortController()
        const identity = `server-${i}`
        const done = runAsLeader(
          { api, log: silentLog },
          { ...where, ...times, identity },
          async (signal) => {
            assert.equal(leading.size, 0, 'nobody else leads')
            leading.add(identity)
            await new Promise<void>((resolve) =>
              signal.addEventListener('abort', () => resolve(), { once: true }),
            )
            leading.delete(identity)
          },
          stop.signal,
        )
        return { identity, stop, done, api }
      }),
    )
    await eventually('one leads', () => leading.size === 1)
    const [first] = [...leading]
    const leader = candidates.find(({ identity }) => identity === first)!
    const other = candidates.find(({ identity }) => identity !== first)!
    leader.stop.abort()
    await leader.done
    await eventually('the other leads', () => leading.has(other.identity))
    const lease = await other.api.get(leases, where)
    assert.deepEqual(
      [lease?.spec?.holderIdentity, lease?.spec?.leaseTransitions],
      [other.identity, 1],
    )
    other.stop.abort()
    await other.done
    for (const { api } of candidates) await api[Symbol.asyncDispose]()
  })
})
