import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { cidr } from '#ip/cidr.ts'
import { ip } from '#ip/ip.ts'
import { WireError } from './wire-error.ts'
import { decodeWireguard, encodeWireguard } from './wireguard.ts'

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
const key = (n: number) => new Uint8Array(32).fill(n)

// By hand from include/uapi/linux/wireguard.h: WGDEVICE_A_*, WGPEER_A_*, WGALLOWEDIP_A_*; lists with NLA_F_NESTED (0x8000).
suite('wireguard messages', () => {
  test('a device with a port', () =>
    assert.equal(
      hex(encodeWireguard({ name: 'wg', listenPort: 51820 })),
      '0700020077670000' + '060006006cca0000',
    ))

  test('a peer', () =>
    assert.equal(
      hex(
        encodeWireguard({
          name: 'wg',
          peers: [
            {
              publicKey: key(1),
              endpoint: { address: ip('10.0.0.2'), port: 51820 },
              keepaliveSeconds: 25,
              allowedIPs: [cidr('10.1.0.0/24')],
            },
          ],
        }),
      ),
      '0700020077670000' +
        '70000880' +
        '6c000080' +
        `24000100${'01'.repeat(32)}` +
        '0800030002000000' +
        '140004000200ca6c0a000002' +
        '0000000000000000' +
        '0600050019000000' +
        '20000980' +
        '1c000080' +
        '0600010002000000' +
        '080002000a010000' +
        '0500030018000000',
    ))

  test('come back', () => {
    const peers = [
      {
        publicKey: key(1),
        allowedIPs: [cidr('10.1.0.0/24'), cidr('fd00::/64')],
        keepaliveSeconds: 0,
      },
      { publicKey: key(2), allowedIPs: [], endpoint: { address: ip('fd00::2'), port: 7 } },
    ]
    assert.deepEqual(decodeWireguard(encodeWireguard({ name: 'wg', listenPort: 7, peers })), {
      listenPort: 7,
      peers,
    })
  })

  test('of any bytes are read, or refused with a WireError', () =>
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        try {
          decodeWireguard(bytes)
        } catch (error) {
          assert.ok(error instanceof WireError, String(error))
        }
      }),
      { numRuns: 3000 },
    ))
})
