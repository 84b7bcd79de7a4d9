import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { assertRobust, hex } from '#testing/codec.ts'
import { decodeBridgeVLANs, encodeBridgeVLAN } from './bridge-vlan.ts'
import { WireError } from './wire-error.ts'

// iproute2 6.1, in a scratch network namespace: strace -e trace=sendmsg -e write=all <name>; the body after the 16 bytes of nlmsghdr.
// v0 is link 4, a port of a bridge.
const requests = [
  {
    name: 'bridge vlan add dev v0 vid 101',
    vlan: { index: 4, vid: 101, pvid: false, untagged: false },
    bytes: '07000000040000000000000000000000 0c001a00 0800020000006500',
  },
  {
    name: 'bridge vlan add dev v0 vid 100 pvid untagged',
    vlan: { index: 4, vid: 100, pvid: true, untagged: true },
    bytes: '07000000040000000000000000000000 0c001a00 0800020006006400',
  },
]

suite('bridge VLANs', () => {
  for (const { name, vlan, bytes } of requests) {
    test(name, () => {
      assert.deepEqual(Buffer.from(encodeBridgeVLAN(vlan)), Buffer.from(hex(bytes)))
      assert.deepEqual(decodeBridgeVLANs(hex(bytes)), [vlan])
    })
  }

  test('a range is its VLANs', () => {
    // include/uapi/linux/if_bridge.h: RANGE_BEGIN 8, RANGE_END 16, each with its own vid.
    const body = hex('07000000040000000000000000000000 14001a00 0800020008000a00 0800020010000c00')
    assert.deepEqual(
      decodeBridgeVLANs(body).map(({ vid }) => vid),
      [10, 11, 12],
    )
    assertRobust(decodeBridgeVLANs, body, WireError)
  })
})
