import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { assertRefusesTruncated, assertRobust, hex } from '#testing/codec.ts'
import { decodeAcknowledgement } from './acknowledgement.ts'
import { decodeMessages, encodeMessage, NLM_F_ACK, NLM_F_CREATE, NLM_F_EXCL } from './message.ts'
import { WireError } from './wire-error.ts'

// iproute2 6.1: strace -e trace=sendmsg -e write=all ip addr add 10.244.1.1/24 dev br0
const REQUEST = hex(
  '28000000140005069248016b00000000 0218000002000000 080002000af40101 080001000af40101',
)

// Linux 6.18's answer where the address is there already: strace -e trace=recvmsg -e read=all ip addr add 10.244.1.1/24 dev br0
const REFUSAL = hex(`60000000020000029348016bfc2c0000 efffffff
  28000000140005069348016b000000000218000002000000080002000af40101080001000af40101
  23000100697076343a204164647265737320616c72656164792061737369676e656400 00`)

// The same way: ip link add x0 type nosuchkind
const UNKNOWN_KIND = hex(`68000000020000029348016b002d0000 a1ffffff
  3c000000100005069348016b000000000000000000000000000000000000000007000300783000001400
  12000e0001006e6f737563686b696e640000
  18000100556e6b6e6f776e20646576696365207479706500`)

// The same way: ip route del 10.1.0.0/24
const NO_ROUTE = hex(`38000000020000009348016b042d0000 fdffffff
  24000000190005009348016b0000000002180000fe00ff0000000000080001000a010000`)

// The same way: bridge fdb show dev vx0, the end of the dump
const DONE = hex('14000000030002009448016b1c2d0000 00000000')

suite('netlink messages', () => {
  test('encodeMessage() writes what iproute2 writes', () => {
    const [message] = decodeMessages(REQUEST)
    assert.equal(message?.type, 20)
    assert.equal(message.flags, 1 | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL)
    assert.deepEqual(Buffer.from(encodeMessage(message)), Buffer.from(REQUEST))
  })
  test('decodeMessages() splits a datagram', () => {
    const datagram = Buffer.concat([REFUSAL, DONE])
    assert.deepEqual(
      decodeMessages(datagram).map(({ type, sequence, body }) => ({
        type,
        sequence,
        length: body.length,
      })),
      [
        { type: 2, sequence: 0x6b014893, length: 0x60 - 16 },
        { type: 3, sequence: 0x6b014894, length: 4 },
      ],
    )
  })
  for (const [name, bytes] of Object.entries({ REQUEST, REFUSAL, UNKNOWN_KIND, NO_ROUTE, DONE })) {
    test(`decodeMessages() refuses ${name} cut short at any length`, () =>
      assertRefusesTruncated(decodeMessages, bytes, WireError))
    test(`decodeMessages() survives damage to ${name}`, () =>
      assertRobust(decodeMessages, bytes, WireError))
  }
})

suite('decodeAcknowledgement()', () => {
  const cases = [
    {
      name: 'an error in words',
      bytes: REFUSAL,
      want: { errno: 17, text: 'ipv4: Address already assigned' },
    },
    {
      name: 'a long request is quoted whole',
      bytes: UNKNOWN_KIND,
      want: { errno: 95, text: 'Unknown device type' },
    },
    { name: 'an error without words', bytes: NO_ROUTE, want: { errno: 3 } },
    { name: 'the end of a dump', bytes: DONE, want: { errno: 0 } },
  ]
  for (const { name, bytes, want } of cases) {
    test(name, () => assert.deepEqual(decodeAcknowledgement(decodeMessages(bytes)[0]!), want))
    test(`${name}, damaged`, () =>
      assertRobust(
        (body) => decodeAcknowledgement({ ...decodeMessages(bytes)[0]!, body }),
        decodeMessages(bytes)[0]!.body,
        WireError,
      ))
  }
})
