import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { decodeComment, encodeComment } from './comment.ts'

suite('comments of nftables', () => {
  // libnftnl, src/udata.c: a byte of type, a byte of length, the value with its zero byte. Against nft(8): kernel/nft/rules/rules.kernel.test.ts.
  test('are what nft(8) writes', () => {
    assert.deepEqual([...encodeComment('c1')], [0, 3, 0x63, 0x31, 0])
    assert.equal(decodeComment(Uint8Array.of(0, 3, 0x63, 0x31, 0)), 'c1')
  })

  test('are found behind other things, and missed where there are none', () => {
    assert.equal(decodeComment(Uint8Array.of(1, 2, 9, 9, 0, 2, 0x63, 0)), 'c')
    for (const bytes of [[], [0], [0, 9, 0x63], [1, 0], [7, 255, 1]])
      assert.equal(decodeComment(Uint8Array.from(bytes)), undefined)
  })

  test('whatever the bytes are, decoding ends', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 256 }), (bytes) => {
        const text = decodeComment(bytes)
        assert.ok(text === undefined || text.length <= bytes.length)
      }),
    )
  })
})
