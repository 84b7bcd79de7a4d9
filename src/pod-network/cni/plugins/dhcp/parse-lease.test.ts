import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { ip } from '#ip/ip.ts'
import { mac } from '#ip/mac.ts'
import { OPTION } from '#wire/dhcp/message.ts'
import { parseClasslessRoutes, parseLease } from './parse-lease.ts'

const bytes = (...values: number[]) => Uint8Array.from(values)
const ack = (options: readonly (readonly [number, Uint8Array])[]) => ({
  isReply: true,
  transaction: 1,
  clientMAC: mac('02:00:00:00:00:0a'),
  yourIP: ip('10.7.0.5'),
  options: new Map([[OPTION.subnetMask, bytes(255, 255, 255, 0)], ...options]),
})

suite('parseLease()', () => {
  test('times follow from that of the lease (RFC 2131, 4.4.5)', () => {
    const { seconds, address } = parseLease(ack([[OPTION.leaseTime, bytes(0, 0, 0, 200)]]))
    assert.deepEqual(seconds, { renewal: 100, rebinding: 170, expiry: 200 })
    assert.deepEqual(address, { address: '10.7.0.5', prefixLength: 24 })
  })

  test('static routes by class, and the default by the router', () => {
    const options = [
      [OPTION.router, bytes(10, 7, 0, 1)],
      [OPTION.staticRoutes, bytes(172, 16, 0, 0, 10, 7, 0, 9)],
    ] as const
    const { routes, gateway } = parseLease(ack(options))
    assert.equal(gateway, '10.7.0.1')
    assert.deepEqual(routes, [
      { destination: { address: '172.16.0.0', prefixLength: 16 }, gateway: '10.7.0.9' },
      { destination: { address: '0.0.0.0', prefixLength: 0 }, gateway: '10.7.0.1' },
    ])
  })

  test('classless routes go before all others', () => {
    // RFC 3442, its example of 10.0.0.0/8; and a router of 0.0.0.0, on this link.
    const value = bytes(8, 10, 10, 7, 0, 2, 24, 192, 0, 2, 0, 0, 0, 0)
    const options = [
      [OPTION.router, bytes(10, 7, 0, 1)],
      [OPTION.classlessRoutes, value],
    ] as const
    assert.deepEqual(parseLease(ack(options)).routes, [
      { destination: { address: '10.0.0.0', prefixLength: 8 }, gateway: '10.7.0.2' },
      { destination: { address: '192.0.2.0', prefixLength: 24 }, scope: 253 },
    ])
  })

  test('without a mask there is no lease', () => {
    const message = { ...ack([]), options: new Map() }
    assert.throws(
      () => parseLease(message),
      /^Error: DHCP option Subnet Mask not found in DHCPACK$/,
    )
  })

  test('whatever routes come, reading them ends', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (value) => {
        for (const { destination } of parseClasslessRoutes(value)) {
          assert.ok(destination.prefixLength <= 32)
        }
      }),
    )
  })
})
