/** Source: apiserver v0.36 server/config.go (the name), component-helpers v0.36 apimachinery/lease (what it holds). */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Lease } from '#api/coordination.ts'
import { leases } from '#api/resources.ts'
import { createStoredObjects } from './admission/stored-objects.ts'
import { dropOldIdentities, identityOf, renewIdentity } from './identity-lease.ts'
import { createSQLiteStore } from './storage/sqlite/sqlite-store.ts'
import { startTestServer } from './testing/test-server.ts'

// As Go's sha256, cryptobyte and base32 make it.
test('the name follows from the host', () => {
  assert.equal(identityOf('node1'), 'apiserver-hbz46noag6fulempxd2cbk6bvq')
  assert.equal(identityOf('fairlead-control-plane'), 'apiserver-yusxw6b2bpxig3lavkg7omkx7e')
})

test('a server says that it is there, and forgets those that have long been silent', async () => {
  const store = createSQLiteStore(':memory:')
  const log = { info() {}, warn() {}, error: assert.fail, child: () => log }
  const objects = createStoredObjects(store, log)
  await renewIdentity('node1', 'one', objects, 0)
  await renewIdentity('node2', 'two', objects, 3_000_000)
  await renewIdentity('node2', 'three', objects, 3_600_001)
  const names = async () =>
    (await objects.list<Lease>(leases)).map(({ metadata, spec }) => [metadata.name, spec])
  assert.equal((await names()).length, 2)
  await dropOldIdentities(objects, 3_600_001)
  // The holder is who made the lease: a later process of the same host renews it.
  const renewTime = '1970-01-01T01:00:00.001000Z'
  assert.deepEqual(await names(), [
    [identityOf('node2'), { holderIdentity: 'two', leaseDurationSeconds: 3600, renewTime }],
  ])
  await store.close()
})

test('it is there when the server answers', async () => {
  await using server = await startTestServer({ hostname: 'node1' })
  const { body } = await server.request(
    'GET',
    '/apis/coordination.k8s.io/v1/namespaces/kube-system/leases?labelSelector=apiserver.kubernetes.io/identity%3Dkube-apiserver',
  )
  assert.equal(body.items.length, 1)
  assert.deepEqual(body.items[0].metadata.labels, {
    'apiserver.kubernetes.io/identity': 'kube-apiserver',
    'kubernetes.io/hostname': 'node1',
  })
  assert.match(body.items[0].spec.holderIdentity, /^apiserver-hbz46noag6fulempxd2cbk6bvq_/)
})
