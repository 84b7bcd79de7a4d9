import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { ip } from '#ip/ip.ts'
import { decodeConntrackEntry } from './conntrack.ts'
import { decodeSetElements } from './nftables/decode-elements.ts'
import { WireError } from './wire-error.ts'

suite('decodeConntrackEntry()', () => {
  // Attributes by hand, from include/uapi/linux/netfilter/nfnetlink_conntrack.h: a datagram of 10.0.0.1:4096 to 10.0.0.9:53, answered by 10.0.0.2:5353.
  const tuple = (type: string, src: string, dst: string, sport: string, dport: string) =>
    `3400${type}80 14000180 08000100${src} 08000200${dst} 1c000280 0500010011000000 06000200${sport}0000 06000300${dport}0000`
  const bytes = Buffer.from(
    `02000000 ${tuple('01', '0a000001', '0a000009', '1000', '0035')} ${tuple('02', '0a000002', '0a000001', '14e9', '1000')} 08000c00 deadbeef`.replaceAll(
      ' ',
      '',
    ),
    'hex',
  )

  test('reads both directions, and the id', () => {
    const peer = (text: string, port: number) => ({ ip: ip(text), port })
    assert.deepEqual(decodeConntrackEntry(bytes), {
      original: {
        protocol: 17,
        source: peer('10.0.0.1', 4096),
        destination: peer('10.0.0.9', 53),
      },
      reply: {
        protocol: 17,
        source: peer('10.0.0.2', 5353),
        destination: peer('10.0.0.1', 4096),
      },
      id: Uint8Array.of(0xde, 0xad, 0xbe, 0xef),
    })
  })

  test('of whatever else it makes nothing, or a WireError', () => {
    const decoders = [decodeConntrackEntry, decodeSetElements]
    const hostile = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc.tuple(fc.nat(bytes.length - 1), fc.nat(255)).map(([at, value]) => {
        const changed = Uint8Array.from(bytes)
        changed[at] = value
        return changed
      }),
    )
    fc.assert(
      fc.property(hostile, (some) => {
        for (const decode of decoders) {
          try {
            decode(some)
          } catch (error) {
            assert.ok(error instanceof WireError, String(error))
          }
        }
      }),
      { numRuns: 300 },
    )
  })
})
