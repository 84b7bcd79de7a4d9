import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createCache } from './cache.ts'

test('a cache makes once, forgets what nobody asks for, and keeps no long keys', () => {
  const cache = createCache<string>({ entries: 2, characters: 3 })
  const made: string[] = []
  const ask = (key: string) =>
    cache.of(key, () => {
      made.push(key)
      return key.toUpperCase()
    })
  const asked = ['a', 'b', 'a', 'c', 'a', 'd', 'a', 'b']
  assert.deepEqual(
    asked.map(ask),
    asked.map((key) => key.toUpperCase()),
  )
  assert.deepEqual(made, ['a', 'b', 'c', 'd', 'b'])
  assert.equal(ask('long') + ask('long'), 'LONGLONG')
  assert.deepEqual(made.slice(5), ['long', 'long'])
})
