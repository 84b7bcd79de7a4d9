import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { ip } from '#ip/ip.ts'
import { assertRobust, hex } from '#testing/codec.ts'
import { decodeGeneric } from './generic.ts'
import {
  decodeDestination,
  decodeService,
  decodeTimeouts,
  encodeDestination,
  encodeService,
  encodeServiceKey,
  encodeTimeouts,
  IPVS_FLAG,
  type IPVSDestination,
  type IPVSService,
} from './ipvs.ts'
import { WireError } from './wire-error.ts'

const { persistent, hashed, hashPorts } = IPVS_FLAG
const buffer = (bytes: Uint8Array) => Buffer.from(bytes)

// ipvsadm 1.31 on Linux 6.1: strace -xx -e trace=sendmsg <name>; what follows genlmsghdr.
const services: readonly { name: string; service: IPVSService; bytes: string }[] = [
  {
    name: 'ipvsadm -A -t 10.96.0.20:80 -s rr',
    service: {
      protocol: 'tcp',
      ip: ip('10.96.0.20'),
      port: 80,
      scheduler: 'rr',
      flags: 0,
      timeout: 0,
    },
    bytes: `54000180 0600010002000000 0600020006000000 140003000a600014000000000000000000000000
      0600040000500000 0700060072720000 0c00070000000000ffffffff 0800080000000000 08000900ffffffff`,
  },
  {
    name: 'ipvsadm -A -u 10.96.0.20:53 -s wlc -p 10800',
    service: {
      protocol: 'udp',
      ip: ip('10.96.0.20'),
      port: 53,
      scheduler: 'wlc',
      flags: persistent,
      timeout: 10_800,
    },
    bytes: `54000180 0600010002000000 0600020011000000 140003000a600014000000000000000000000000
      0600040000350000 08000600776c6300 0c00070001000000ffffffff 08000800302a0000 08000900ffffffff`,
  },
  {
    name: 'ipvsadm -A -t [fd00:10:96::20]:80 -s mh -b mh-port',
    service: {
      protocol: 'tcp',
      ip: ip('fd00:10:96::20'),
      port: 80,
      scheduler: 'mh',
      flags: hashPorts,
      timeout: 0,
    },
    bytes: `54000180 060001000a000000 0600020006000000 14000300fd000010009600000000000000000020
      0600040000500000 070006006d680000 0c00070010000000ffffffff 0800080000000000 0800090080000000`,
  },
]

suite('encodeService() writes what ipvsadm writes for', () => {
  for (const { name, service, bytes } of services)
    test(name, () => {
      assert.deepEqual(buffer(encodeService(service)), buffer(hex(bytes)))
      assert.deepEqual(decodeService(hex(bytes)), service)
    })
})

test('encodeServiceKey() writes what ipvsadm writes to ask for the destinations', () => {
  // ipvsadm -Ln, NLM_F_DUMP
  const bytes = hex(`30000180 0600010002000000 0600020006000000
    140003000a600014000000000000000000000000 0600040000500000`)
  const key = { protocol: 'tcp', ip: ip('10.96.0.20'), port: 80 } as const
  assert.deepEqual(buffer(encodeServiceKey(key)), buffer(bytes))
})

// The same way, from the second attribute on, without those of tunnels (types 13, 14 and 15), which no Kubernetes proxy uses.
const destinations: readonly { name: string; destination: IPVSDestination; bytes: string }[] = [
  {
    name: 'ipvsadm -a -t 10.96.0.20:80 -r 10.244.1.7:8080 -m -w 1',
    destination: { ip: ip('10.244.1.7'), port: 8080, weight: 1 },
    bytes: `48000280 06000b0002000000 140001000af40107000000000000000000000000 060002001f900000
      0800030000000000 0800040001000000 0800050000000000 0800060000000000`,
  },
  {
    name: 'ipvsadm -e -t 10.96.0.20:80 -r 10.244.1.7:8080 -m -w 0',
    destination: { ip: ip('10.244.1.7'), port: 8080, weight: 0 },
    bytes: `48000280 06000b0002000000 140001000af40107000000000000000000000000 060002001f900000
      0800030000000000 0800040000000000 0800050000000000 0800060000000000`,
  },
  {
    name: 'ipvsadm -a -t [fd00:10:96::20]:80 -r [fd00:10:244:1::7]:8080 -m',
    destination: { ip: ip('fd00:10:244:1::7'), port: 8080, weight: 1 },
    bytes: `48000280 06000b000a000000 14000100fd000010024400010000000000000007 060002001f900000
      0800030000000000 0800040001000000 0800050000000000 0800060000000000`,
  },
]

suite('encodeDestination() writes what ipvsadm writes for', () => {
  for (const { name, destination, bytes } of destinations)
    test(name, () => assert.deepEqual(buffer(encodeDestination(destination)), buffer(hex(bytes))))
})

// Linux 6.1's answers to `ipvsadm -Ln`, without their statistics.
const SERVICE_ANSWER = hex(`01010000 54000100 0600010002000000 0600020011000000
  140003000a600014000000000000000000000000 0600040000350000 08000600776c6300
  0c00070003000000ffffffff 08000800302a0000 08000900ffffffff`)
const DESTINATION_ANSWER = hex(`05010000 70000200 140001000af40107000000000000000000000000
  060002001f900000 0800030000000000 0800040001000000 05000d0000000000 06000e0000000000
  06000f0000000000 0800050000000000 0800060000000000 0800070003000000 0800080002000000
  0800090000000000 06000b0002000000`)

suite('the answers of the kernel', () => {
  const { body: service } = decodeGeneric(SERVICE_ANSWER)
  const { body: destination } = decodeGeneric(DESTINATION_ANSWER)
  test('decodeService()', () => {
    assert.deepEqual(decodeService(service), {
      ...services[1]!.service,
      flags: persistent | hashed,
    })
  })
  test('decodeDestination(); its two counters were set by hand in the bytes', () => {
    assert.deepEqual(decodeDestination(destination, 4), {
      ip: '10.244.1.7',
      port: 8080,
      weight: 1,
      active: 3,
      inactive: 2,
    })
  })
  test('a service of a firewall mark is none of ours', () => {
    // struct ip_vs_service by mark: AF, FWMARK (5), scheduler.
    const bytes = hex('1c000100 0600010002000000 0800050001000000 0700060072720000')
    assert.equal(decodeService(bytes), undefined)
  })
  test('decodeService() survives damage', () => assertRobust(decodeService, service, WireError))
  test('decodeDestination() survives damage', () =>
    assertRobust((bytes) => decodeDestination(bytes, 4), destination, WireError))
})

test('timeouts are as in `ipvsadm -L --timeout` and `ipvsadm --set 900 120 300`', () => {
  const bytes = hex('0800040084030000 0800050078000000 080006002c010000')
  const timeouts = { tcp: 900, tcpFin: 120, udp: 300 }
  assert.deepEqual(decodeTimeouts(bytes), timeouts)
  assert.deepEqual(buffer(encodeTimeouts(timeouts)), buffer(bytes))
  assertRobust(decodeTimeouts, bytes, WireError)
})
