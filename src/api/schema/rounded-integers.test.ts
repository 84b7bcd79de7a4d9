import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { parseJSONStrict } from './parse-json-strict.ts'
import { parseYAMLStrict } from './parse-yaml-strict.ts'
import { explainRounded, isRounded } from './rounded-integers.ts'

suite('isRounded()', () => {
  // ECMA-262, Number.MAX_SAFE_INTEGER; Go's int64 ends at 2^63 - 1, and apimachinery reads what is longer as a float64.
  const cases = [
    { name: 'the last safe one', token: '9007199254740991', rounded: false },
    { name: '2^53', token: '9007199254740992', rounded: false },
    { name: '2^53 + 1', token: '9007199254740993', rounded: true },
    { name: 'its negative', token: '-9007199254740993', rounded: true },
    {
      name: '2^60, which would be written 1152921504606847000',
      token: '1152921504606846976',
      rounded: true,
    },
    { name: 'the largest of 64 bits', token: '9223372036854775807', rounded: true },
    { name: 'one more', token: '9223372036854775809', rounded: false },
    { name: 'a fraction', token: '0.1234567890123456789', rounded: false },
  ]
  for (const { name, token, rounded } of cases) {
    test(name, () => assert.equal(isRounded(token), rounded))
  }
})

test('explainRounded() says where', () => {
  const { numbers } = parseJSONStrict('{"spec":{"a":1.0,"b":[1,9007199254740993]}}')
  assert.match(explainRounded(numbers) ?? '', /^spec\.b\[1\]: the integer 9007199254740993 cannot/)
  assert.equal(explainRounded(parseJSONStrict('{"a":1.0}').numbers), undefined)
})

test('YAML with such an integer is refused', () => {
  assert.throws(() => parseYAMLStrict('a: 9007199254740993'), /the integer 9007199254740993 cannot/)
  assert.deepEqual(parseYAMLStrict('a: 9007199254740992\nb: "9007199254740993"').value, {
    a: 9007199254740992,
    b: '9007199254740993',
  })
})
