/** Source: pkg/controlplane/reconcilers/lease_test.go, v1.36: several masters, one expired, one shut down. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { endpointSlices, endpoints } from '#api/resources.ts'
import { dropPeerLeases, renewPeerLeases } from './peer-leases.ts'
import { keyOf } from './rest/record.ts'
import { createSQLiteStore } from './storage/sqlite/sqlite-store.ts'
import { startTestServer } from './testing/test-server.ts'

test('servers know each other while they renew', async () => {
  const store = createSQLiteStore(':memory:')
  const start = 1_000_000
  assert.deepEqual(await renewPeerLeases(store, ['172.30.0.3'], start), ['172.30.0.3'])
  const both = ['172.30.0.2', '172.30.0.3']
  assert.deepEqual(await renewPeerLeases(store, ['172.30.0.2'], start + 5000), both)
  assert.deepEqual(await renewPeerLeases(store, ['172.30.0.3'], start + 14_000), both)
  // The other one has been silent for 15 seconds.
  assert.deepEqual(await renewPeerLeases(store, ['172.30.0.3'], start + 20_000), ['172.30.0.3'])
  await renewPeerLeases(store, ['172.30.0.2'], start + 21_000)
  await dropPeerLeases(store, ['172.30.0.2'])
  assert.deepEqual(await renewPeerLeases(store, ['172.30.0.3'], start + 22_000), ['172.30.0.3'])
  await store.close()
})

test('the Service kubernetes leads to every server over one store', async () => {
  const store = createSQLiteStore(':memory:')
  const kubernetes = (address: string) => ({
    clusterIP: '10.96.0.1',
    addresses: [address],
    port: 6443,
    sharesStore: true,
  })
  await using _first = await startTestServer({ store, kubernetes: kubernetes('172.30.0.2') })
  await using second = await startTestServer({ store, kubernetes: kubernetes('172.30.0.3') })
  const read = async (path: string) => (await second.request('GET', path)).body
  const { subsets } = await read('/api/v1/namespaces/default/endpoints/kubernetes')
  const want = ['172.30.0.2', '172.30.0.3']
  assert.deepEqual(
    subsets[0].addresses.map(({ ip }: { ip: string }) => ip),
    want,
  )
  const path = '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices/kubernetes'
  const slice = await read(path)
  assert.deepEqual(
    slice.endpoints.flatMap(({ addresses }: { addresses: string[] }) => addresses),
    want,
  )
  assert.ok(await store.get(keyOf(endpoints, 'default', 'kubernetes')))
  assert.ok(await store.get(keyOf(endpointSlices, 'default', 'kubernetes')))
})
