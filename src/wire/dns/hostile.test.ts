import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { assertRefusesTruncated, assertRobust, hex } from '#testing/codec.ts'
import { WireError } from '../netlink/wire-error.ts'
import { decodeHead, decodeQuery, decodeResponse } from './decode-message.ts'
import { encodeQuery, encodeResponse } from './encode-message.ts'
import { queries, responses } from './testing/golden.ts'

const vectors = [
  ...queries.map(({ name, bytes }) => ({ name, bytes: hex(bytes), decode: decodeQuery })),
  ...responses.map(({ name, bytes }) => ({ name, bytes: hex(bytes), decode: decodeResponse })),
]

suite('hostile bytes', () => {
  for (const { name, bytes, decode } of vectors) {
    test(`${name}: every truncation is refused, damage is survived`, () => {
      assertRefusesTruncated(decode, bytes, WireError)
      assertRobust(decode, bytes, WireError)
    })
  }

  test('what was damaged 5,000 times and still read can be written', () => {
    const change = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 })
    fc.assert(
      fc.property(fc.constantFrom(...vectors), change, ({ bytes, decode }, changes) => {
        const damaged = Uint8Array.from(bytes)
        for (const [at, value] of changes) damaged[at % damaged.length] = value
        try {
          const message = decode(damaged)
          if ('rcode' in message) encodeResponse(message)
          else encodeQuery(message)
        } catch (error) {
          assert.ok(error instanceof WireError, String(error))
        }
      }),
      { numRuns: 5000 },
    )
  })

  test('decodeHead() needs twelve bytes', () => {
    assert.equal(decodeHead(new Uint8Array(11)), undefined)
    assert.deepEqual(decodeHead(hex('1234 8500 0001 0001 0000 0000')), {
      id: 0x1234,
      isResponse: true,
      opcode: 0,
      recursionDesired: true,
    })
  })
})
