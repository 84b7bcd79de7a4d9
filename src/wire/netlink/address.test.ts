import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { parseInterfaceAddress } from '#ip/cidr.ts'
import { assertRobust, hex } from '#testing/codec.ts'
import { type AddressMessage, decodeAddress, encodeAddress, IFA_F_NODAD } from './address.ts'
import { WireError } from './wire-error.ts'

// iproute2 6.1: strace -e trace=sendmsg -e write=all <name>; the body after nlmsghdr. br0 is link 2.
const requests: readonly { name: string; message: AddressMessage; bytes: string }[] = [
  {
    name: 'ip addr add 10.244.1.1/24 dev br0',
    message: { index: 2, address: parseInterfaceAddress('10.244.1.1/24')!, scope: 0, flags: 0 },
    bytes: '0218000002000000 080002000af40101 080001000af40101',
  },
  {
    name: 'ip addr add fd00:10:244:1::1/64 dev br0 nodad',
    message: {
      index: 2,
      address: parseInterfaceAddress('fd00:10:244:1::1/64')!,
      scope: 0,
      flags: IFA_F_NODAD,
    },
    bytes: `0a40020002000000 14000200fd000010024400010000000000000001
      14000100fd000010024400010000000000000001`,
  },
]

suite('encodeAddress() writes what iproute2 writes for', () => {
  for (const { name, message, bytes } of requests)
    test(name, () => {
      assert.deepEqual(Buffer.from(encodeAddress(message)), Buffer.from(hex(bytes)))
      assert.deepEqual(decodeAddress(hex(bytes)), message)
    })
})

// Linux 6.18's answers to `ip addr show dev br0`, which printed these addresses.
const answers = [
  {
    name: 'IPv4, with its label and lifetime',
    bytes: `0218800002000000 080001000af40101 080002000af40101 0800030062723000 0800080080000000
      14000600ffffffffffffffff2460030024600300`,
    want: { index: 2, address: { address: '10.244.1.1', prefixLength: 24 }, scope: 0, flags: 0x80 },
  },
  {
    name: 'IPv6, which has no IFA_LOCAL',
    bytes: `0a40c0fd02000000 14000100fe80000000000000000000fffe000002
      14000600ffffffffffffffff1c6003001c600300 08000800c0000000 05000b0003000000`,
    want: {
      index: 2,
      address: { address: 'fe80::ff:fe00:2', prefixLength: 64 },
      scope: 253,
      flags: 0xc0,
    },
  },
]

suite('decodeAddress() reads the answer', () => {
  for (const { name, bytes, want } of answers)
    test(name, () => assert.deepEqual(decodeAddress(hex(bytes)), want))
  test('refuses one without an address', () =>
    assert.throws(() => decodeAddress(hex('0218000002000000')), WireError))
  test('refuses an address of five bytes', () =>
    assert.throws(() => decodeAddress(hex('0218000002000000 090002000af4010101000000')), WireError))
})

suite('decodeAddress() survives damage to', () => {
  for (const { name, bytes } of [...requests, ...answers])
    test(name, () => assertRobust(decodeAddress, hex(bytes), WireError))
})
