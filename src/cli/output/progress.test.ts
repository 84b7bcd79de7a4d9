import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { suite, test } from 'node:test'
import { stripVTControlCharacters } from 'node:util'
import { createProgress } from './progress.ts'

function record(
  isTTY: boolean,
  use: (progress: ReturnType<typeof createProgress>) => void,
): string {
  const stream = Object.assign(new PassThrough(), { isTTY })
  {
    using progress = createProgress(stream as unknown as NodeJS.WriteStream)
    use(progress)
  }
  stream.setEncoding('utf8')
  return (stream.read(stream.readableLength) as string).replaceAll(/\d+\.\d s/g, '0.0 s')
}

suite('createProgress()', () => {
  test('says each step once, a line each, to what is no terminal', () => {
    const text = record(false, ({ step, done }) => {
      step('one')
      step('one')
      step('two')
      done('Done')
    })
    assert.equal(text, '0.0 s  one\n0.0 s  two\nDone (0.0 s)\n')
  })

  test('rewrites one line of a terminal, and clears it for the error that follows', () => {
    const text = record(true, ({ step }) => step('one'))
    assert.ok(text.startsWith('\r\x1b[K') && text.endsWith('\r\x1b[K'))
    assert.equal(stripVTControlCharacters(text).replaceAll('\r', ''), '… one')
  })
})
