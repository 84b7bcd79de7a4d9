import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { decodeAccount, encodeAccountName } from './accounting.ts'
import { WireError } from './wire-error.ts'

/** Written by hand from nfnetlink.h and nfnetlink_acct.h: nfgenmsg, NFACCT_NAME "ab", NFACCT_PKTS 258, NFACCT_BYTES 3. */
const NAME = ['00000000', '07000100', '61620000'].join('')
const ANSWER = [NAME, '0c000200', '0000000000000102', '0c000300', '0000000000000003'].join('')

suite('accounts of nfnetlink', () => {
  test('a name', () => {
    assert.equal(Buffer.from(encodeAccountName('ab')).toString('hex'), NAME)
  })

  test('an answer', () => {
    const account = decodeAccount(Buffer.from(ANSWER, 'hex'))
    assert.deepEqual(account, { name: 'ab', packets: 258n, bytes: 3n })
  })

  test('any bytes give an account or a WireError', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        try {
          decodeAccount(bytes)
        } catch (error) {
          assert.ok(error instanceof WireError)
        }
      }),
    )
  })
})
