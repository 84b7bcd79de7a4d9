/**
 * What structured-merge-diff v6.3.2 says of configurations over the schema of client-go v0.36.0, sorted: it visits
 * maps in any order.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { suite, test } from 'node:test'
import type { JSONValue } from '../json.ts'
import { schemaTypeNames } from '../schema/schema.ts'
import { formatTypedErrors, validateTyped } from './validate-typed.ts'

interface Case {
  readonly type: string
  readonly value: JSONValue
  readonly errors: readonly string[]
}

const cases = readFileSync(new URL('./testdata/typed-errors.jsonl', import.meta.url), 'utf8')
  .trimEnd()
  .split('\n')
  .map((line) => JSON.parse(line) as Case)

suite('validateTyped()', () => {
  for (const { type, value, errors } of cases) {
    test(`${type} ${JSON.stringify(value)}`, () => {
      assert.deepEqual(validateTyped(value, { shape: 'one', of: type }).sort(), errors)
    })
  }

  test('knows the scalars of every type', () => {
    for (const of of schemaTypeNames()) {
      assert.equal(validateTyped('x', { shape: 'one', of }, '.x').length, 1, of)
    }
  })
})

test('formatTypedErrors()', () => {
  assert.equal(formatTypedErrors(['a']), 'a')
  assert.equal(formatTypedErrors(['a', 'b']), 'errors:\n  a\n  b')
})
