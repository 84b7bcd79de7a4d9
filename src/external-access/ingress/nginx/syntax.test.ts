import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { block, directive, emit } from './syntax.ts'

/**
 * Reads configuration text as nginx does: words, in quotes or not, up to `;`, `{` or `}` (ngx_conf_read_token in src/core/ngx_conf_file.c).
 */
function tokens(text: string): string[] {
  const found: string[] = []
  const pattern = /\s+|([;{}])|"((?:\\.|[^"\\])*)"|([^\s;{}"]+)/gsy
  for (let match = pattern.exec(text); match; match = pattern.exec(text)) {
    const [, mark, quoted, word] = match
    if (mark) found.push(mark)
    if (quoted !== undefined) found.push(`'${quoted.replaceAll(/\\(["'\\])/g, '$1')}`)
    if (word !== undefined) found.push(word)
  }
  return found
}

suite('emit()', () => {
  test('writes blocks and words', () => {
    const written = emit([
      block('http', [], [directive('listen', '127.0.0.1:80', 'ssl'), directive('workers', 2)]),
    ])
    assert.equal(written, 'http {\n  listen 127.0.0.1:80 ssl;\n  workers 2;\n}\n')
  })

  test('whatever a text holds, nginx reads one word with just that in it, or nothing is written', () => {
    const hostile = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.stringMatching(/^[\\"'{};# \n\t$a}]*$/),
      fc.constantFrom('"', '\\', '\\"', '";}', "'", '#', '$' + '{x}', '\\\\"'),
    )
    fc.assert(
      fc.property(hostile, hostile, (first, second) => {
        let written: string
        try {
          written = emit([
            block('location', [{ literal: first }], [directive('set', { text: second })]),
          ])
        } catch (error) {
          assert.ok(error instanceof RangeError)
          assert.match(first + second, /[\x00-\x1f\x7f$]/)
          return
        }
        assert.deepEqual(tokens(written), [
          'location',
          `'${first}`,
          '{',
          'set',
          `'${second}`,
          ';',
          '}',
        ])
      }),
      { numRuns: 5000 },
    )
  })

  const refused = [
    { name: 'a variable in a text', argument: { text: '/$uri' } },
    { name: 'a line break', argument: { literal: 'a\nb' } },
    { name: 'a zero byte', argument: { literal: 'a\0b' } },
    { name: 'a word with a semicolon', argument: 'a;b' },
    { name: 'an empty word', argument: '' },
    { name: 'more than nginx reads', argument: { text: 'x'.repeat(4000) } },
  ]
  for (const { name, argument } of refused)
    test(`refuses ${name}`, () =>
      assert.throws(() => emit([directive('set', argument)]), RangeError))
})
