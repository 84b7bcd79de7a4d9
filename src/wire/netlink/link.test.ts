import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { suite, test } from 'node:test'
import { ip } from '#ip/ip.ts'
import { mac } from '#ip/mac.ts'
import { assertRobust, hex } from '#testing/codec.ts'
import { decodeLink, encodeLink, type LinkMessage } from './link.ts'
import { WireError } from './wire-error.ts'

interface Golden {
  readonly name: string
  readonly message: LinkMessage
  readonly bytes: string
}

// iproute2 6.1, in a scratch network namespace: strace -e trace=sendmsg -e write=all <name>; the body after the 16 bytes of nlmsghdr.
// br0 is link 2, v0 link 4, v1 link 3.
const requests: readonly Golden[] = [
  {
    name: 'ip link add br0 type bridge',
    message: { name: 'br0', kind: 'bridge' },
    bytes: `00000000000000000000000000000000
      0800030062723000 100012000a0001006272696467650000`,
  },
  {
    name: 'ip link add v0 mtu 1450 address 02:00:00:00:00:01 type veth peer name v1',
    message: {
      name: 'v0',
      mtuBytes: 1450,
      mac: mac('02:00:00:00:00:01'),
      kind: 'veth',
      peer: { name: 'v1' },
    },
    bytes: `00000000000000000000000000000000
      08000400aa050000 0a0001000200000000010000 0700030076300000
      2c001200 0800010076657468 20000200 1c000100
      00000000000000000000000000000000 0700030076310000`,
  },
  {
    name: 'ip link set v0 master br0 up',
    message: { index: 4, flags: 1, change: 1, masterIndex: 2 },
    bytes: '00000000040000000100000001000000 08000a0002000000',
  },
  {
    name: 'ip link set v0 nomaster',
    message: { index: 4, masterIndex: 0 },
    bytes: '00000000040000000000000000000000 08000a0000000000',
  },
  {
    name: 'ip link set v0 alias hello',
    message: { index: 4, alias: 'hello' },
    bytes: '00000000040000000000000000000000 0900140068656c6c6f000000',
  },
  {
    name: 'ip link set v0 mtu 1400 address 02:00:00:00:00:02',
    message: { index: 4, mtuBytes: 1400, mac: mac('02:00:00:00:00:02') },
    bytes: '00000000040000000000000000000000 0800040078050000 0a0001000200000000020000',
  },
  {
    name: 'ip link set vx6 name vx7',
    message: { index: 6, name: 'vx7' },
    bytes: '00000000060000000000000000000000 0800030076783700',
  },
  {
    name: 'ip link set br0 promisc on',
    message: { index: 2, flags: 0x100, change: 0x100 },
    bytes: '00000000020000000001000000010000',
  },
  {
    name: 'ip link add br1 type bridge vlan_filtering 1',
    message: { name: 'br1', kind: 'bridge', vlanFiltering: true },
    bytes: `00000000000000000000000000000000
      0800030062723100 1c001200 0a0001006272696467650000 0c000200 0500070001000000`,
  },
  {
    name: 'bridge link set dev v0 isolated on',
    message: { family: 7, index: 4, isolated: true },
    bytes: '07000000040000000000000000000000 0c000c80 0500210001000000',
  },
  {
    name: 'bridge link set dev v0 hairpin on',
    message: { family: 7, index: 4, hairpin: true },
    bytes: '07000000040000000000000000000000 0c000c80 0500040001000000',
  },
  {
    name: 'ip link add vx0 mtu 1450 type vxlan id 1 local 172.30.0.11 dev br0 dstport 8472 nolearning',
    message: {
      name: 'vx0',
      mtuBytes: 1450,
      kind: 'vxlan',
      vxlan: { vni: 1, local: ip('172.30.0.11'), deviceIndex: 2, learning: false, port: 8472 },
    },
    bytes: `00000000000000000000000000000000 08000400aa050000 0800030076783000
      3c001200 0900010076786c616e000000 2c000200
      0800030002000000 0800010001000000 08000400ac1e000b 0500070000000000 06000f0021180000`,
  },
  {
    name: 'ip link add vx6 type vxlan id 2 local fd00:172:30::11 dev br0 dstport 8472 nolearning',
    message: {
      name: 'vx6',
      kind: 'vxlan',
      vxlan: { vni: 2, local: ip('fd00:172:30::11'), deviceIndex: 2, learning: false, port: 8472 },
    },
    bytes: `00000000000000000000000000000000 0800030076783600
      48001200 0900010076786c616e000000 38000200
      0800030002000000 0800010002000000 14001100fd000172003000000000000000000011
      0500070000000000 06000f0021180000`,
  },
  {
    name: 'ip link add link v1 name mv0 type macvlan mode bridge bcqueuelen 5',
    message: {
      linkIndex: 3,
      name: 'mv0',
      kind: 'macvlan',
      kindData: { of: 'macvlan', mode: 4, broadcastQueueLength: 5 },
    },
    bytes: `00000000000000000000000000000000 0800050003000000 080003006d763000
      24001200 0b0001006d6163766c616e00 14000200 0800070005000000 0800010004000000`,
  },
  {
    name: 'ip link add link v1 name iv0 type ipvlan mode l3',
    message: {
      linkIndex: 3,
      name: 'iv0',
      kind: 'ipvlan',
      kindData: { of: 'ipvlan', mode: 1 },
    },
    bytes: `00000000000000000000000000000000 0800050003000000 0800030069763000
      24001200 0a0001006970766c616e0000 14000200 0600010001000000 0600020000000000`,
  },
  {
    name: 'ip link add link v1 name vl0 type vlan id 100',
    message: { linkIndex: 3, name: 'vl0', kind: 'vlan', kindData: { of: 'vlan', id: 100 } },
    bytes: `00000000000000000000000000000000 0800050003000000 08000300766c3000
      18001200 08000100766c616e 0c000200 0600010064000000`,
  },
  {
    name: 'ip link add name vrf0 type vrf table 1000',
    message: { name: 'vrf0', kind: 'vrf', kindData: { of: 'vrf', table: 1000 } },
    bytes: `00000000000000000000000000000000 0900030076726630 00000000
      18001200 0700010076726600 0c000200 08000100e8030000`,
  },
  {
    name: 'ip link show v0 (its look-up)',
    message: { filter: 9, name: 'v0' },
    bytes: '00000000000000000000000000000000 08001d0009000000 0700030076300000',
  },
]

const HEADER_DEFAULTS = { family: 0, index: 0, flags: 0, change: 0 }

suite('encodeLink() writes what iproute2 writes for', () => {
  for (const { name, message, bytes } of requests)
    test(name, () => assert.deepEqual(Buffer.from(encodeLink(message)), Buffer.from(hex(bytes))))
})

suite('decodeLink() reads the request of', () => {
  for (const { name, message, bytes } of requests)
    test(name, () => {
      const peer = message.peer && { peer: { ...HEADER_DEFAULTS, ...message.peer } }
      assert.deepEqual(decodeLink(hex(bytes)), { ...HEADER_DEFAULTS, ...message, ...peer })
    })
})

// The kernel's answers (Linux 6.18) to `ip -d link show`; each file names its command. Values: what that command printed.
const answers = [
  {
    file: 'br0.hex',
    want: {
      family: 0,
      index: 2,
      flags: 0x1002, // BROADCAST, MULTICAST
      change: 0,
      name: 'br0',
      mtuBytes: 1450,
      mac: '02:00:00:00:00:aa',
      kind: 'bridge',
      operState: 2, // DOWN
      vlanFiltering: false,
      txQueueLength: 1000,
      promiscuity: 0,
    },
  },
  {
    file: 'v0.hex',
    want: {
      family: 0,
      index: 4,
      flags: 0x1003, // BROADCAST, MULTICAST, UP
      change: 0,
      name: 'v0',
      mtuBytes: 1450,
      mac: '02:00:00:00:00:01',
      masterIndex: 2,
      linkIndex: 3, // v0@v1
      alias: 'hello',
      kind: 'veth',
      hairpin: true,
      isolated: false,
      operState: 3, // LOWERLAYERDOWN
      txQueueLength: 1000,
      promiscuity: 1,
    },
  },
  {
    file: 'vx0.hex',
    want: {
      family: 0,
      index: 5,
      flags: 0x11043, // BROADCAST, MULTICAST, UP, LOWER_UP and RUNNING
      change: 0,
      name: 'vx0',
      mtuBytes: 1400,
      mac: '02:00:00:00:00:bb',
      txQueueLength: 1000,
      promiscuity: 0,
      kind: 'vxlan',
      operState: 0, // UNKNOWN
      vxlan: { vni: 1, local: '172.30.0.11', deviceIndex: 2, learning: false, port: 8472 },
    },
  },
]

suite('decodeLink() reads the answer in', () => {
  for (const { file, want } of answers)
    test(file, () => assert.deepEqual(decodeLink(readAnswer(file)), want))
})

suite('decodeLink() survives damage to', () => {
  for (const { name, bytes } of requests)
    test(name, () => assertRobust(decodeLink, hex(bytes), WireError))
  for (const { file } of answers)
    test(file, () => assertRobust(decodeLink, readAnswer(file), WireError))
})

test('encodeLink() names the namespace of a peer by descriptor', () => {
  const message = { name: 'v0', kind: 'veth', peer: { name: 'eth0', netnsFd: 21 } }
  assert.equal(decodeLink(encodeLink(message)).peer?.netnsFd, 21)
})

function readAnswer(file: string): Uint8Array {
  const NLMSGHDR_BYTES = 16
  return hex(readFileSync(`${import.meta.dirname}/testdata/${file}`, 'utf8')).subarray(
    NLMSGHDR_BYTES,
  )
}
