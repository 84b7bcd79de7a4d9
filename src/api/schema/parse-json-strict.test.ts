import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { parseJSONStrict } from './parse-json-strict.ts'

// Expected: sigs.k8s.io/json UnmarshalStrict, `duplicate field "spec.replicas"`.
const cases = [
  { name: 'no duplicate', text: '{"a":{"a":1},"b":[{"a":1},{"a":1}]}', want: [] },
  { name: 'at the top', text: '{"a":1,"a":2}', want: ['a'] },
  { name: 'below lists', text: '{"b":{"c":[{"d":1},{"d":1,"d":2}]}}', want: ['b.c[1].d'] },
  { name: 'three times is one', text: '{"a":1,"a":2,"a":3}', want: ['a'] },
  { name: 'written differently', text: '{"a":1,"\\u0061":2}', want: ['a'] },
  { name: 'braces in strings', text: '{"a":"{\\"a\\":1,\\"a\\":2}"}', want: [] },
]

suite('parseJSONStrict() finds', () => {
  for (const { name, text, want } of cases) {
    test(name, () => assert.deepEqual(parseJSONStrict(text).duplicates, want))
  }
})

suite('parseJSONStrict()', () => {
  test('refuses depth that would exhaust the stack of those who walk the value', () => {
    const text = `${'['.repeat(100_000)}${']'.repeat(100_000)}`
    assert.throws(() => parseJSONStrict(text), SyntaxError)
  })
  test('equals JSON.parse(), without duplicates', () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        const { value, duplicates } = parseJSONStrict(text)
        assert.deepEqual(value, JSON.parse(text))
        assert.deepEqual(duplicates, [])
      }),
      { numRuns: 300 },
    )
  })
  test('answers any text with a value or a SyntaxError', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'{}[],:"\\a1 ') }), (text) => {
        try {
          parseJSONStrict(text)
        } catch (error) {
          assert.ok(error instanceof SyntaxError)
        }
      }),
      { numRuns: 1000 },
    )
  })
})
