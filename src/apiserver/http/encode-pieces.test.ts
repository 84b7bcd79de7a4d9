import assert from 'node:assert/strict'
import { Writable } from 'node:stream'
import { suite, test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { encodePieces, writeChunks } from './encode-pieces.ts'

const MiB = 1024 * 1024
const texts = [
  { name: 'nothing', pieces: [], chunks: 0 },
  { name: 'small pieces', pieces: ['{"a":', '"ä€😀"', '}'], chunks: 1 },
  { name: 'an empty piece', pieces: ['', 'x', ''], chunks: 1 },
  { name: 'one piece beyond a chunk', pieces: ['x', 'é'.repeat(MiB), 'y'], chunks: 2 },
  {
    name: 'texts and bytes',
    pieces: ['{"ä":', Buffer.from('"ö"'), '}', Buffer.from(','), '{}'],
    chunks: 1,
  },
  { name: 'bytes beyond a chunk', pieces: ['x', Buffer.alloc(MiB, 'y'), 'z'], chunks: 3 },
  // 256 KiB a chunk; a piece of n units may need 3 n bytes.
  { name: 'many pieces', pieces: Array.from({ length: 4096 }, () => 'x'.repeat(1024)), chunks: 17 },
]

suite('encodePieces() of', () => {
  for (const { name, pieces, chunks } of texts) {
    test(name, async () => {
      // Copied: the chunks' memory is used again.
      const found = await Array.fromAsync(encodePieces(pieces), (chunk) => Buffer.from(chunk))
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

suite('writeChunks()', () => {
  const pieces = Array.from({ length: 2048 }, (_, i) => String(i).padEnd(1024))

  test('changes no bytes before they are written', async () => {
    let text = ''
    const slow = new Writable({
      highWaterMark: 1,
      async write(chunk: Buffer, _encoding, done) {
        for (let i = 0; i < 3; i++) await nextTurn()
        text += chunk.toString('latin1')
        done()
      },
    })
    await writeChunks(slow, encodePieces(pieces))
    assert.equal(text, pieces.join(''))
  })

  test('stops where the reader goes', async () => {
    const gone: Writable = new Writable({ write: () => void gone.destroy() })
    await writeChunks(gone, encodePieces(pieces))
    assert.equal(gone.destroyed, true)
  })
})
