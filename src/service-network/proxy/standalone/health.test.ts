import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { createProxyHealth } from './health.ts'

// Source of all rows: facts/services.md 1.1, "health endpoints": 503 when a queued sync is not done within the timeout, or the node goes away.
suite('createProxyHealth()', () => {
  let time = Date.UTC(2026, 10, 29)
  const make = () => createProxyHealth([4, 6], () => time)

  test('is healthy before anything was heard of', () => {
    const health = make()
    assert.deepEqual([health.health().code, health.liveness().code], [200, 200])
  })

  test('is healthy while a change waits, and no longer when it waits too long', () => {
    const health = make()
    health.queued(4)
    time += 59_999
    assert.equal(health.health().code, 200)
    health.queued(4)
    time += 1
    assert.deepEqual([health.health().code, health.liveness().code], [503, 503])
    health.synced(4)
    assert.equal(health.health().code, 200)
  })

  test('is only as healthy as both families', () => {
    const health = make()
    health.queued(6)
    health.synced(4)
    time += 60_000
    assert.equal(health.health().code, 503)
    const { status } = JSON.parse(health.health().body)
    assert.deepEqual([status.IPv4.healthy, status.IPv6.healthy], [true, false])
  })

  test('says since when it waits', () => {
    const health = make()
    health.synced(4)
    health.synced(6)
    const synced = new Date(time).toISOString()
    health.queued(4)
    health.queued(6)
    time += 61_000
    const { lastUpdated, currentTime, nodeEligible } = JSON.parse(health.health().body)
    assert.deepEqual(
      [lastUpdated, currentTime, nodeEligible],
      [synced, new Date(time).toISOString(), true],
    )
  })

  test('turns traffic away from a node that goes, and lives on', () => {
    const health = make()
    health.setEligible(false)
    assert.deepEqual([health.health().code, health.liveness().code], [503, 200])
    assert.equal(JSON.parse(health.health().body).nodeEligible, false)
    assert.equal(JSON.parse(health.liveness().body).nodeEligible, undefined)
  })
})
