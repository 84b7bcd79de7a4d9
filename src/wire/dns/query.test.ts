import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { hex } from '#testing/codec.ts'
import { decodeQuery } from './decode-message.ts'
import { encodeQuery } from './encode-message.ts'
import { queries } from './testing/golden.ts'

suite('decodeQuery()', () => {
  for (const { name, bytes, want } of queries)
    test(name, () => assert.deepEqual(decodeQuery(hex(bytes)), want))

  test('dig -x 10.96.0.1, with a cookie that is passed over', () => {
    const bytes =
      hex(`f375 0120 0001 0000 0000 0001 0131 0130 023936 023130 07696e2d61646472 0461727061 00
      000c 0001 00 0029 04d0 00 00 0000 000c 000a0008 0a04dd9f8df6bd4c`)
    assert.equal(decodeQuery(bytes).question.name, '1.0.96.10.in-addr.arpa')
  })

  const refused = [
    { name: 'no question', bytes: '0001 0100 0000 0000 0000 0000' },
    { name: 'two questions', bytes: '0001 0100 0002 0000 0000 0000 00 0001 0001 00 0001 0001' },
    { name: 'an answer', bytes: '0001 0100 0001 0001 0000 0000 00 0001 0001' },
    // RFC 6891 section 6.1.1
    {
      name: 'two OPT records',
      bytes: `0001 0100 0001 0000 0000 0002 00 0001 0001
        00 0029 04d0 00000000 0000 00 0029 04d0 00000000 0000`,
    },
    {
      name: 'OPT that the root does not own',
      bytes: '0001 0100 0001 0000 0000 0001 00 0001 0001 0161 00 0029 04d0 00000000 0000',
    },
    { name: 'a count that lies', bytes: '0001 0100 0001 0000 0000 ffff 00 0001 0001' },
  ]
  for (const { name, bytes } of refused)
    test(`refuses ${name}`, () =>
      assert.throws(() => decodeQuery(hex(bytes)), { name: 'WireError' }))

  test('encodeQuery() writes what dig writes', () => {
    for (const { bytes, want } of queries.filter(({ name }) => name.includes('+noadflag')))
      assert.deepEqual(
        Buffer.from(encodeQuery(decodeQuery(hex(bytes)))),
        Buffer.from(hex(bytes)),
        want.question.name,
      )
  })
})
