import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { endOfObject } from './object-end.ts'

const texts = [
  { name: 'an empty object', object: '{}' },
  { name: 'braces and brackets in strings', object: '{"a}":"{[","b":["}"]}' },
  { name: 'escaped quotes', object: String.raw`{"k:{\"name\":\"web\"}":{},"b":"\\"}` },
  { name: 'letters beyond ASCII', object: '{"ä":"…}"}' },
  { name: 'a string of backslashes', object: String.raw`{"a":"\\\\\"}","b":"\\\\"}` },
]

suite('endOfObject() finds the end of', () => {
  for (const { name, object } of texts) {
    test(name, () => {
      assert.ok(JSON.parse(object))
      assert.equal(endOfObject(Buffer.from(`${object},"spec":{}}`), 1), Buffer.byteLength(object))
    })
  }
  test('whatever JSON.stringify writes', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (value) => {
        const text = JSON.stringify(value)
        assert.equal(endOfObject(Buffer.from(`${text},"x":[{}]`), 1), Buffer.byteLength(text))
      }),
    )
  })
  test('no object that never ends', () => {
    for (const text of ['{"a":"', '{"a":{', '{"a":"\\"']) {
      assert.throws(() => endOfObject(Buffer.from(text), 1), RangeError)
    }
  })
})
