import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { ip } from '#ip/ip.ts'
import { mac } from '#ip/mac.ts'
import { assertRobust, hex } from '#testing/codec.ts'
import { AF_BRIDGE, AF_INET, AF_INET6 } from './family.ts'
import {
  decodeNeighbour,
  encodeNeighbour,
  type NeighbourMessage,
  NTF_PROXY,
  NTF_SELF,
  NUD,
} from './neighbour.ts'
import { WireError } from './wire-error.ts'

// iproute2 6.1: strace -e trace=sendmsg -e write=all <name>; the body after nlmsghdr. br0 is link 2, vx0 link 5.
const requests: readonly { name: string; message: NeighbourMessage; bytes: string }[] = [
  {
    name: 'ip neigh replace 10.244.2.0 lladdr 02:00:00:00:02:00 dev vx0 nud permanent',
    message: {
      family: AF_INET,
      index: 5,
      state: NUD.permanent,
      flags: 0,
      ip: ip('10.244.2.0'),
      mac: mac('02:00:00:00:02:00'),
    },
    bytes: '020000000500000080000000 080001000af40200 0a0002000200000002000000',
  },
  {
    name: 'ip neigh replace proxy 172.30.0.200 dev br0',
    message: {
      family: AF_INET,
      index: 2,
      state: NUD.permanent,
      flags: NTF_PROXY,
      ip: ip('172.30.0.200'),
    },
    bytes: '020000000200000080000800 08000100ac1e00c8',
  },
  {
    name: 'ip neigh add fd00:10:244:1::9 lladdr 02:00:00:00:02:09 dev br0 nud permanent',
    message: {
      family: AF_INET6,
      index: 2,
      state: NUD.permanent,
      flags: 0,
      ip: ip('fd00:10:244:1::9'),
      mac: mac('02:00:00:00:02:09'),
    },
    bytes: `0a0000000200000080000000 14000100fd000010024400010000000000000009
      0a0002000200000002090000`,
  },
  {
    name: 'bridge fdb replace 02:00:00:00:02:00 dev vx0 dst 172.30.0.12 self permanent',
    message: {
      family: AF_BRIDGE,
      index: 5,
      state: NUD.permanent | NUD.noarp,
      flags: NTF_SELF,
      ip: ip('172.30.0.12'),
      mac: mac('02:00:00:00:02:00'),
    },
    bytes: '0700000005000000c0000200 0a0002000200000002000000 08000100ac1e000c',
  },
]

suite('encodeNeighbour() writes what iproute2 writes for', () => {
  for (const { name, message, bytes } of requests)
    test(name, () => {
      assert.deepEqual(Buffer.from(encodeNeighbour(message)), Buffer.from(hex(bytes)))
      assert.deepEqual(decodeNeighbour(hex(bytes)), message)
    })
})

// Linux 6.18's answers: strace -e trace=recvmsg -e read=all <command>
const answers = [
  {
    name: 'ip neigh show proxy',
    bytes: '020000000200000000000801 08000100ac1e00c8',
    want: { family: AF_INET, index: 2, state: 0, flags: NTF_PROXY, ip: '172.30.0.200' },
  },
  {
    name: 'bridge fdb show dev vx0',
    bytes: `0700000005000000c0000201 0a0002000000000000000000 08000100ac1e000c
      14000300000000001e0000001e00000000000000`,
    want: {
      family: AF_BRIDGE,
      index: 5,
      state: NUD.permanent | NUD.noarp,
      flags: NTF_SELF,
      ip: '172.30.0.12',
      mac: '00:00:00:00:00:00',
    },
  },
]

suite('decodeNeighbour() reads the answer to', () => {
  for (const { name, bytes, want } of answers)
    test(name, () => assert.deepEqual(decodeNeighbour(hex(bytes)), want))
})

suite('decodeNeighbour() survives damage to', () => {
  for (const { name, bytes } of [...requests, ...answers])
    test(name, () => assertRobust(decodeNeighbour, hex(bytes), WireError))
})
