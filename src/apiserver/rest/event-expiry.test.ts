import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createSQLiteStore } from '../storage/sqlite/sqlite-store.ts'
import { expireEvents } from './event-expiry.ts'

// kube-apiserver --event-ttl: 1h0m0s, renewed by each write.
test('expireEvents() deletes what was not seen for an hour', async () => {
  const store = createSQLiteStore(':memory:')
  const put = (name: string, creationTimestamp: string, more: object) =>
    store.create(
      `/core/events/default/${name}`,
      JSON.stringify({ metadata: { name, creationTimestamp }, ...more }),
    )
  await put('old', '2026-11-21T10:59:00Z', { lastTimestamp: null })
  await put('young', '2026-11-21T11:01:00Z', {})
  await put('renewed', '2026-11-21T09:00:00Z', { lastTimestamp: '2026-11-21T11:30:00Z' })
  await store.create('/core/pods/default/old', '{"metadata":{"name":"old"}}')
  await expireEvents(store, Date.parse('2026-11-21T12:00:00Z'))
  const { items } = await store.list('/')
  assert.deepEqual(
    items.map(({ key }) => key),
    ['/core/events/default/renewed', '/core/events/default/young', '/core/pods/default/old'],
  )
  await store.close()
})
