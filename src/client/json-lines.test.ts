import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { parseJSONLines } from './json-lines.ts'

async function* chunksOf(text: string, size: number) {
  const bytes = Buffer.from(text)
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

suite('parseJSONLines()', () => {
  test('gives the same lines however the stream is cut', async () => {
    const text = '{"a":"é"}\n\r\n{"b":[1,2]}\n{"unfinished'
    for (let size = 1; size <= text.length + 2; size++) {
      assert.deepEqual(await Array.fromAsync(parseJSONLines(chunksOf(text, size))), [
        { a: 'é' },
        { b: [1, 2] },
      ])
    }
  })

  test('refuses a line that does not end', async () => {
    await assert.rejects(
      Array.fromAsync(parseJSONLines(chunksOf('x'.repeat(100), 10), 64)),
      RangeError,
    )
  })

  test('refuses what is not JSON', async () => {
    await assert.rejects(Array.fromAsync(parseJSONLines(chunksOf('<html>\n', 3))), SyntaxError)
  })
})
