import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { MutableClusterIndex } from './cluster-index.ts'
import { ask, createIndex, http, service, slice } from './testing/index-of-services.ts'

suite('MutableClusterIndex', () => {
  test('says SERVFAIL until it is synced', () => {
    const index = new MutableClusterIndex()
    assert.equal(ask('web.default.svc.cluster.local', 'A', index)?.rcode, 'SERVFAIL')
    assert.equal(ask('1.0.96.10.in-addr.arpa', 'PTR', index)?.rcode, 'SERVFAIL')
  })
  test('forgets a deleted Service, and its address', () => {
    const index = createIndex()
    index.deleteService(service('web', { clusterIP: '10.96.0.20' }))
    assert.equal(ask('web.default.svc.cluster.local', 'A', index)?.rcode, 'NXDOMAIN')
    assert.equal(ask('20.0.96.10.in-addr.arpa', 'PTR', index), undefined)
  })
  test('adds up the slices of a Service, and forgets one', () => {
    const index = createIndex()
    const more = slice('db', [{ addresses: ['10.244.4.4'] }], [http], 'db-xyz')
    index.setSlice(more)
    assert.equal(ask('db.default.svc.cluster.local', 'A', index)?.answers.length, 3)
    index.deleteSlice(more)
    assert.equal(ask('db.default.svc.cluster.local', 'A', index)?.answers.length, 2)
  })
  test('takes a slice that comes before its Service', () => {
    const index = createIndex()
    index.setSlice(slice('early', [{ addresses: ['10.244.4.5'] }]))
    index.setService(service('early', { clusterIP: 'None', ports: [http] }))
    assert.equal(ask('early.default.svc.cluster.local', 'A', index)?.answers.length, 1)
  })
})
