import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { soak } from '../soak/storage.ts'
import { startTestEtcd } from './support/etcd.ts'

// `npm run soak -- storage` runs a hundred times as many rounds.
suite('Under write load over three members of etcd, no acknowledged write and no event is lost', () => {
  test('when a member is killed in the middle, and the server at the end', async () => {
    await using etcd = await startTestEtcd(3, ['--heartbeat-interval=50', '--election-timeout=500'])
    await soak({ seed: 12, rounds: 3, log: () => {}, etcd })
  })
})

suite('Under write load over SQLite, no acknowledged write and no event is lost', () => {
  const options = { seed: 11, rounds: 5, log: () => {} }

  test('when the server is killed', () => soak(options))

  test('when the power goes, with durability FULL', () =>
    soak({ ...options, durability: 'FULL', end: 'power loss' }))

  test('and with NORMAL the loss of power is found out: what looks for losses finds them', () =>
    assert.rejects(
      soak({ ...options, durability: 'NORMAL', end: 'power loss' }),
      /was acknowledged|lost the write|its revision is not there|came after/,
    ))
})
