import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import type { JSONValue } from '../json.ts'
import { StatusError } from '../status.ts'
import { applyJSONPatch } from './json-patch.ts'

interface Case {
  readonly name: string
  readonly doc: JSONValue
  readonly patch: JSONValue
  /** Absent: the patch must be refused. */
  readonly want?: JSONValue
}

// RFC 6902 appendix A, in order; then RFC 6901 section 5 and traps.
const cases: readonly Case[] = [
  {
    name: 'A.1 adding an object member',
    doc: { foo: 'bar' },
    patch: [{ op: 'add', path: '/baz', value: 'qux' }],
    want: { baz: 'qux', foo: 'bar' },
  },
  {
    name: 'A.2 adding an array element',
    doc: { foo: ['bar', 'baz'] },
    patch: [{ op: 'add', path: '/foo/1', value: 'qux' }],
    want: { foo: ['bar', 'qux', 'baz'] },
  },
  {
    name: 'A.3 removing an object member',
    doc: { baz: 'qux', foo: 'bar' },
    patch: [{ op: 'remove', path: '/baz' }],
    want: { foo: 'bar' },
  },
  {
    name: 'A.4 removing an array element',
    doc: { foo: ['bar', 'qux', 'baz'] },
    patch: [{ op: 'remove', path: '/foo/1' }],
    want: { foo: ['bar', 'baz'] },
  },
  {
    name: 'A.5 replacing a value',
    doc: { baz: 'qux', foo: 'bar' },
    patch: [{ op: 'replace', path: '/baz', value: 'boo' }],
    want: { baz: 'boo', foo: 'bar' },
  },
  {
    name: 'A.6 moving a value',
    doc: { foo: { bar: 'baz', waldo: 'fred' }, qux: { corge: 'grault' } },
    patch: [{ op: 'move', from: '/foo/waldo', path: '/qux/thud' }],
    want: { foo: { bar: 'baz' }, qux: { corge: 'grault', thud: 'fred' } },
  },
  {
    name: 'A.7 moving an array element',
    doc: { foo: ['all', 'grass', 'cows', 'eat'] },
    patch: [{ op: 'move', from: '/foo/1', path: '/foo/3' }],
    want: { foo: ['all', 'cows', 'eat', 'grass'] },
  },
  {
    name: 'A.8 testing a value: success',
    doc: { baz: 'qux', foo: ['a', 2, 'c'] },
    patch: [
      { op: 'test', path: '/baz', value: 'qux' },
      { op: 'test', path: '/foo/1', value: 2 },
    ],
    want: { baz: 'qux', foo: ['a', 2, 'c'] },
  },
  {
    name: 'A.9 testing a value: error',
    doc: { baz: 'qux' },
    patch: [{ op: 'test', path: '/baz', value: 'bar' }],
  },
  {
    name: 'A.10 adding a nested member object',
    doc: { foo: 'bar' },
    patch: [{ op: 'add', path: '/child', value: { grandchild: {} } }],
    want: { foo: 'bar', child: { grandchild: {} } },
  },
  {
    name: 'A.11 ignoring unrecognized elements',
    doc: { foo: 'bar' },
    patch: [{ op: 'add', path: '/baz', value: 'qux', xyz: 123 }],
    want: { foo: 'bar', baz: 'qux' },
  },
  {
    name: 'A.12 adding to a nonexistent target',
    doc: { foo: 'bar' },
    patch: [{ op: 'add', path: '/baz/bat', value: 'qux' }],
  },
  // A.13 (a duplicate "op" member) is for the parser: parse-json-strict.test.ts.
  {
    name: 'A.14 escape ordering',
    doc: { '/': 9, '~1': 10 },
    patch: [{ op: 'test', path: '/~01', value: 10 }],
    want: { '/': 9, '~1': 10 },
  },
  {
    name: 'A.15 comparing strings and numbers',
    doc: { '/': 9, '~1': 10 },
    patch: [{ op: 'test', path: '/~01', value: '10' }],
  },
  {
    name: 'A.16 adding an array value',
    doc: { foo: ['bar'] },
    patch: [{ op: 'add', path: '/foo/-', value: ['abc', 'def'] }],
    want: { foo: ['bar', ['abc', 'def']] },
  },
  {
    name: 'copy',
    doc: { a: [1] },
    patch: [{ op: 'copy', from: '/a', path: '/b' }],
    want: { a: [1], b: [1] },
  },
  {
    name: 'the whole document',
    doc: { a: 1 },
    patch: [{ op: 'replace', path: '', value: 2 }],
    want: 2,
  },
  { name: 'index beyond the end', doc: { a: [1] }, patch: [{ op: 'add', path: '/a/2', value: 1 }] },
  { name: 'leading zero', doc: { a: [1, 2] }, patch: [{ op: 'remove', path: '/a/01' }] },
  { name: 'replace needs a parent', doc: {}, patch: [{ op: 'replace', path: '/a/b', value: 1 }] },
  {
    name: 'move into itself',
    doc: { a: { b: 1 } },
    patch: [{ op: 'move', from: '/a', path: '/a/b' }],
  },
  {
    name: 'inherited names are no members',
    doc: {},
    patch: [{ op: 'remove', path: '/constructor' }],
  },
  { name: 'unknown operation', doc: {}, patch: [{ op: 'spam', path: '/a' }] },
  { name: 'no list', doc: {}, patch: { op: 'add', path: '/a', value: 1 } },
]

suite('applyJSONPatch()', () => {
  for (const { name, doc, patch, want } of cases) {
    test(name, () => {
      const before = structuredClone(doc)
      if (want === undefined) assert.throws(() => applyJSONPatch(doc, patch), StatusError)
      else assert.deepEqual(applyJSONPatch(doc, patch), want)
      assert.deepEqual(doc, before)
    })
  }
  test('does not reach the prototype', () => {
    const patched = applyJSONPatch({}, [{ op: 'add', path: '/__proto__', value: { polluted: 1 } }])
    assert.equal(JSON.stringify(patched), '{"__proto__":{"polluted":1}}')
    assert.equal(({} as { polluted?: number }).polluted, undefined)
  })
  test('answers any operations with a document or a Status', () => {
    const path = fc.array(fc.constantFrom('a', '0', '1', '-', '__proto__', '~1'), { maxLength: 3 })
    const pointer = path.map((tokens) => tokens.map((token) => `/${token}`).join(''))
    const operation = fc.record({
      op: fc.constantFrom('add', 'remove', 'replace', 'move', 'copy', 'test'),
      path: pointer,
      from: pointer,
      value: fc.jsonValue({ maxDepth: 2 }),
    })
    fc.assert(
      fc.property(
        fc.jsonValue({ maxDepth: 3 }),
        fc.array(operation, { maxLength: 6 }),
        (doc, list) => {
          try {
            applyJSONPatch(doc as JSONValue, list as JSONValue)
          } catch (error) {
            assert.ok(error instanceof StatusError, String(error))
          }
        },
      ),
      { numRuns: 500 },
    )
  })
})
