import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { assertRobust, hex } from '#testing/codec.ts'
import { decodeFamilyId, decodeGeneric, encodeFamilyRequest, encodeGeneric } from './generic.ts'
import { WireError } from './wire-error.ts'

// ipvsadm 1.31 on Linux 6.1: strace -xx -e trace=sendmsg,recvmsg ipvsadm -A -t 10.96.0.20:80 -s rr; the bodies after nlmsghdr.
const REQUEST = hex('03010000 0900020049505653 00000000')
// The beginning of the answer; its operations are left out.
const ANSWER = hex(
  '01020000 0900020049505653 00000000 0600010020000000 0800030001000000 0800040000000000 0800050006000000',
)

suite('generic netlink', () => {
  test('encodeFamilyRequest() writes what ipvsadm writes', () => {
    assert.deepEqual(Buffer.from(encodeFamilyRequest('IPVS')), Buffer.from(REQUEST))
  })
  test('decodeFamilyId() reads the answer', () => assert.equal(decodeFamilyId(ANSWER), 0x20))
  test('decodeFamilyId() refuses an answer without an id', () =>
    assert.throws(() => decodeFamilyId(REQUEST), WireError))
  test('decodeFamilyId() survives damage', () => assertRobust(decodeFamilyId, ANSWER, WireError))
  test('decodeGeneric() is the inverse of encodeGeneric()', () => {
    const message = { command: 17, version: 1, body: Buffer.from('0800010001000000', 'hex') }
    assert.deepEqual(decodeGeneric(encodeGeneric(message)), message)
  })
})
