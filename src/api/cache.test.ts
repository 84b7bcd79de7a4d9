import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createCache } from './cache.ts'

test('a cache makes once, forgets what was asked for longest ago, and keeps no long keys', () => {
  const cache = createCache<string>({ entries: 2, characters: 3 })
  const made: string[] = []
  const ask = (key: string) =>
    cache.of(key, () => {
      made.push(key)
      return key.toUpperCase()
    })
  assert.deepEqual(['a', 'b', 'a', 'c', 'a', 'b'].map(ask), ['A', 'B', 'A', 'C', 'A', 'B'])
  assert.deepEqual(made, ['a', 'b', 'c', 'b'])
  assert.equal(ask('long') + ask('long'), 'LONGLONG')
  assert.deepEqual(made.slice(4), ['long', 'long'])
})
