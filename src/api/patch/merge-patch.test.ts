import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { JSONValue } from '../json.ts'
import { applyMergePatch } from './merge-patch.ts'

// RFC 7386 appendix A, in order: original, patch, result.
const cases: readonly (readonly [JSONValue, JSONValue, JSONValue])[] = [
  [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
  [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }],
  [{ a: 'b' }, { a: null }, {}],
  [{ a: 'b', b: 'c' }, { a: null }, { b: 'c' }],
  [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
  [{ a: 'c' }, { a: ['b'] }, { a: ['b'] }],
  [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
  [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }],
  [
    ['a', 'b'],
    ['c', 'd'],
    ['c', 'd'],
  ],
  [{ a: 'b' }, ['c'], ['c']],
  [{ a: 'foo' }, null, null],
  [{ a: 'foo' }, 'bar', 'bar'],
  [{ e: null }, { a: 1 }, { e: null, a: 1 }],
  [[1, 2], { a: 'b', c: null }, { a: 'b' }],
  [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
]

suite('applyMergePatch()', () => {
  for (const [doc, patch, want] of cases) {
    test(`${JSON.stringify(doc)} with ${JSON.stringify(patch)}`, () => {
      const before = structuredClone(doc)
      assert.deepEqual(applyMergePatch(doc, patch), want)
      assert.deepEqual(doc, before)
    })
  }
  test('does not reach the prototype', () => {
    const patch = JSON.parse('{"__proto__":{"polluted":1}}')
    assert.equal(JSON.stringify(applyMergePatch({}, patch)), '{"__proto__":{"polluted":1}}')
  })
})
