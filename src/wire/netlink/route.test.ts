import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { cidr } from '#ip/cidr.ts'
import { ip } from '#ip/ip.ts'
import { assertRobust, hex } from '#testing/codec.ts'
import { decodeRoute, encodeRoute, type RouteMessage } from './route.ts'
import { WireError } from './wire-error.ts'

const plain = { table: 254, protocol: 3, scope: 0, type: 1, flags: 0 }

// iproute2 6.1: strace -e trace=sendmsg -e write=all <name>; the body after nlmsghdr. br0 is link 2, vx0 link 5.
const requests: readonly { name: string; message: RouteMessage; bytes: string }[] = [
  {
    name: 'ip route replace 10.244.2.0/24 via 10.244.2.0 dev vx0 onlink proto 80',
    message: {
      ...plain,
      family: 4,
      destination: cidr('10.244.2.0/24'),
      gateway: ip('10.244.2.0'),
      protocol: 80,
      flags: 4,
      index: 5,
    },
    bytes: '02180000fe50000104000000 080001000af40200 080005000af40200 0800040005000000',
  },
  {
    name: 'ip route add default via 10.244.1.2',
    message: { ...plain, family: 4, gateway: ip('10.244.1.2') },
    bytes: '02000000fe03000100000000 080005000af40102',
  },
  {
    name: 'ip route add 10.244.1.7/32 dev br0 src 10.244.1.1',
    message: {
      ...plain,
      family: 4,
      destination: cidr('10.244.1.7/32'),
      scope: 253,
      source: ip('10.244.1.1'),
      index: 2,
    },
    bytes: '02200000fe03fd0100000000 080001000af40107 080007000af40101 0800040002000000',
  },
  {
    name: 'ip route add fd00:10:244:2::/64 via fd00:10:244:1::2 dev br0',
    message: {
      ...plain,
      family: 6,
      destination: cidr('fd00:10:244:2::/64'),
      gateway: ip('fd00:10:244:1::2'),
      index: 2,
    },
    bytes: `0a400000fe03000100000000 14000100fd000010024400020000000000000000
      14000500fd000010024400010000000000000002 0800040002000000`,
  },
  {
    name: 'ip route del 10.244.1.7/32 dev br0',
    message: {
      ...plain,
      family: 4,
      destination: cidr('10.244.1.7/32'),
      protocol: 0,
      scope: 255,
      type: 0,
      index: 2,
    },
    bytes: '02200000fe00ff0000000000 080001000af40107 0800040002000000',
  },
]

suite('encodeRoute() writes what iproute2 writes for', () => {
  for (const { name, message, bytes } of requests)
    test(name, () => {
      assert.deepEqual(Buffer.from(encodeRoute(message)), Buffer.from(hex(bytes)))
      assert.deepEqual(decodeRoute(hex(bytes)), message)
    })
})

suite('tables above 255', () => {
  const message: RouteMessage = {
    ...plain,
    family: 4,
    destination: cidr('10.96.0.0/16'),
    type: 7,
    table: 1000,
  }
  test('encodeRoute() writes what iproute2 writes', () => {
    // strace -e trace=sendmsg -e write=all ip route add unreachable 10.96.0.0/16 table 1000
    const bytes = hex('021000000003000700000000 080001000a600000 08000f00e8030000')
    assert.deepEqual(Buffer.from(encodeRoute(message)), Buffer.from(bytes))
  })
  test('decodeRoute() reads the answer to `ip route show table 1000`', () => {
    // Linux 6.18: strace -e trace=recvmsg -e read=all
    const bytes = hex('02100000fc03000700000000 08000f00e8030000 080001000a600000')
    assert.deepEqual(decodeRoute(bytes), message)
  })
})

suite('decodeRoute()', () => {
  // include/linux/socket.h: AF_MPLS
  test('passes over families that are not IP', () =>
    assert.equal(decodeRoute(hex('1c000000fe03000100000000')), undefined))
  test('refuses a destination of three bytes', () =>
    assert.throws(() => decodeRoute(hex('02180000fe03000100000000 070001000af40200')), WireError))
  for (const { name, bytes } of requests)
    test(`survives damage to ${name}`, () => assertRobust(decodeRoute, hex(bytes), WireError))
})
