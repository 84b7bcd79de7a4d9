import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createVersionedMap } from './versioned-map.ts'

const changes = fc.array(
  fc.tuple(fc.constantFrom('a', 'b', 'c', 'd'), fc.option(fc.nat(3), { nil: undefined })),
  { maxLength: 4 },
)

test('every version goes on being what it was when it was made', () => {
  fc.assert(
    fc.property(fc.array(changes, { maxLength: 8 }), (history) => {
      let map = createVersionedMap<number>()
      let plain = new Map<string, number>()
      const versions = [{ map, plain }]
      for (const step of history) {
        const next = new Map(plain)
        for (const [key, value] of step) {
          if (value === undefined) next.delete(key)
          else next.set(key, value)
        }
        const newer = map.next(new Map(step))
        assert.deepEqual(new Set(map.changesTo(newer)), new Set(step.map(([key]) => key)))
        map = newer
        plain = next
        versions.push({ map, plain })
      }
      for (const version of versions) {
        assert.equal(version.map.size, version.plain.size)
        assert.deepEqual(new Map(version.map), version.plain)
        assert.deepEqual(new Set(version.map.keys()), new Set(version.plain.keys()))
        assert.deepEqual([...version.map.values()].sort(), [...version.plain.values()].sort())
        for (const key of 'abcd') {
          assert.equal(version.map.get(key), version.plain.get(key))
          assert.equal(version.map.has(key), version.plain.has(key))
        }
      }
      assert.equal(
        versions[0]!.map.changesTo(versions.at(-1)!.map) === undefined,
        history.length !== 1,
      )
    }),
    { numRuns: 200 },
  )
})

test('a version has one next', () => {
  const first = createVersionedMap<number>()
  first.next(new Map([['a', 1]]))
  assert.throws(() => first.next(new Map()), TypeError)
})
