import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { cidr } from '#ip/cidr.ts'
import { ip } from '#ip/ip.ts'
import { node1v4, peerLease } from '../testing/own-node.ts'
import { planWords } from '../testing/plan-words.ts'
import {
  checksum,
  countHop,
  createRoutingTable,
  isIPv4,
  networkUnreachable,
} from './relay-packets.ts'
import { createUDP } from './udp.ts'

const bytes = (hex: string) => Uint8Array.fromHex(hex.replaceAll(' ', ''))
// RFC 1071's algorithm over this header gives 0xb861: the worked example of "IPv4 header checksum" in Wikipedia.
const HEADER = '4500 0073 0000 4000 4011 b861 c0a8 0001 c0a8 00c7'
const packet = () => bytes(`${HEADER} 0035 e97c 005f 279f 1e4b 8180`)

suite('udp relay', () => {
  test('knows an IPv4 packet', () => {
    assert.ok(isIPv4(packet(), 32))
    assert.ok(!isIPv4(packet(), 19))
    assert.ok(!isIPv4(bytes('6500'), 20))
    assert.ok(!isIPv4(bytes('4f00'), 40))
  })

  test('counts a hop and keeps the checksum right', () => {
    for (let ttl = 2; ttl < 256; ttl++) {
      const held = packet()
      held[8] = ttl
      new DataView(held.buffer).setUint16(10, 0)
      new DataView(held.buffer).setUint16(10, checksum(held.subarray(0, 20)))
      assert.ok(countHop(held))
      assert.equal(held[8], ttl - 1)
      assert.equal(checksum(held.subarray(0, 20)), 0, `ttl ${ttl}`)
    }
    const last = packet()
    last[8] = 1
    assert.equal(countHop(last), false)
  })

  test('finds the longest prefix', () => {
    const find = createRoutingTable([
      { subnet: cidr('192.168.0.0/16'), to: 'wide' },
      { subnet: cidr('192.168.0.0/24'), to: 'narrow' },
      { subnet: cidr('10.0.0.0/8'), to: 'other' },
    ])
    assert.equal(find(packet()), 'narrow')
    const elsewhere = packet()
    elsewhere[18] = 9
    assert.equal(find(elsewhere), 'wide')
    elsewhere[16] = 172
    assert.equal(find(elsewhere), undefined)
  })

  // RFC 792: type 3 code 0, the header and 8 bytes of the offender; never about ICMP or a later fragment
  test('says that a network is unreachable', () => {
    const answer = networkUnreachable(packet(), 32, ip('10.244.1.0'))!
    assert.equal(checksum(answer.subarray(0, 20)), 0)
    assert.equal(checksum(answer.subarray(20)), 0)
    assert.deepEqual([...answer.subarray(12, 22)], [10, 244, 1, 0, 192, 168, 0, 1, 3, 0])
    assert.deepEqual(answer.subarray(28), packet().subarray(0, 28))
    const icmp = packet()
    icmp[9] = 1
    assert.equal(networkUnreachable(icmp, 32, ip('10.244.1.0')), undefined)
    const fragment = packet()
    fragment[7] = 1
    assert.equal(networkUnreachable(fragment, 32, ip('10.244.1.0')), undefined)
  })
})

suite('udp', () => {
  const udp = createUDP({ port: 8285 })

  // pkg/backend/udp/udp_network_amd64.go: configureIface()
  test('plans the device and one route', () => {
    const plan = udp.plan(node1v4, {}, [peerLease(2, { backendType: '', data: {} })])
    assert.equal(
      planWords(plan),
      `ip link add flannel0 mtu 1472 type tun
ip addr add 10.244.1.0/32 dev flannel0
ip route replace 10.244.0.0/16 dev flannel0`,
    )
    assert.deepEqual(plan.relay, {
      device: 'flannel0',
      local: '172.30.0.11',
      port: 8285,
      from: '10.244.1.0',
      routes: [{ subnet: cidr('10.244.2.0/24'), node: '172.30.0.12' }],
    })
  })

  // pkg/backend/udp/udp_amd64.go: the lease has a public address and nothing else
  test('writes no type', () => {
    assert.equal(udp.type, '')
    assert.deepEqual(udp.describe(node1v4, {}), { 4: null })
  })
})
