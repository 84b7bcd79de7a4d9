import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { parseYAMLStrict } from './parse-yaml-strict.ts'
import { YAMLError } from './yaml-errors.ts'

// What Go makes of YAML is compared in apiserver/rest/strict-decoding.test.ts.
suite('parseYAMLStrict()', () => {
  test('reads what JSON.stringify() writes', () => {
    fc.assert(
      fc.property(fc.jsonValue({ noUnicodeString: true, maxDepth: 4 }), (value) => {
        const text = JSON.stringify(value)
        if (/"__proto__"|\\u00[01]/.test(text)) return
        assert.deepEqual(parseYAMLStrict(text).value, JSON.parse(text))
      }),
      { numRuns: 200 },
    )
  })

  test('answers any text with a value or a YAMLError', () => {
    const characters = fc.constantFrom(...'{}[],:"\'-?&*!|>%@#\n\t  ab1.~<')
    fc.assert(
      fc.property(fc.string({ unit: characters, maxLength: 60 }), (text) => {
        try {
          parseYAMLStrict(text)
        } catch (error) {
          assert.ok(error instanceof YAMLError, String((error as Error).stack))
        }
      }),
      { numRuns: 1000 },
    )
  })

  const hostile = [
    { name: 'depth', text: `${'['.repeat(20_000)}${']'.repeat(20_000)}` },
    { name: 'depth by blocks', text: `${'- '.repeat(5000)}a` },
    {
      name: 'aliases of aliases',
      text: Array.from({ length: 12 }, (_, level) => {
        const items = level === 0 ? 'x' : `*a${level - 1}`
        return `a${level}: &a${level} [${Array(10).fill(items).join(',')}]`
      }).join('\n'),
    },
    { name: 'an alias to itself', text: 'a: &a [*a]' },
  ]
  for (const { name, text } of hostile) {
    test(`refuses ${name}`, () => assert.throws(() => parseYAMLStrict(text), YAMLError))
  }
})
