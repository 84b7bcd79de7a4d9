import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { encodePieces } from './encode-pieces.ts'

const MiB = 1024 * 1024
const texts = [
  { name: 'nothing', pieces: [], chunks: 0 },
  { name: 'small pieces', pieces: ['{"a":', '"ä€😀"', '}'], chunks: 1 },
  { name: 'an empty piece', pieces: ['', 'x', ''], chunks: 1 },
  { name: 'one piece beyond a chunk', pieces: ['x', 'é'.repeat(MiB), 'y'], chunks: 3 },
  // 256 KiB a chunk; a piece of n units may need 3 n bytes.
  { name: 'many pieces', pieces: Array.from({ length: 4096 }, () => 'x'.repeat(1024)), chunks: 17 },
]

suite('encodePieces() of', () => {
  for (const { name, pieces, chunks } of texts) {
    test(name, async () => {
      const found = await Array.fromAsync(encodePieces(pieces))
      assert.equal(Buffer.concat(found).toString('utf8'), pieces.join(''))
      assert.equal(found.length, chunks)
    })
  }

  test('slow pieces lets others be served between them', async () => {
    const busy = function* () {
      for (let i = 0; i < 5; i++) {
        const started = performance.now()
        while (performance.now() - started < 12);
        yield 'x'
      }
    }
    let turns = 0
    const count = () => {
      turns++
      next = setImmediate(count)
    }
    let next = setImmediate(count)
    await Array.fromAsync(encodePieces(busy()))
    clearImmediate(next)
    assert.ok(turns >= 4, `${turns} turns`)
  })
})
