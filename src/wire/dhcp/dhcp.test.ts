import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { ip } from '#ip/ip.ts'
import { mac } from '#ip/mac.ts'
import { WireError } from '../netlink/wire-error.ts'
import { decodeUDPFrame, encodeUDPFrame } from './frame.ts'
import { decodeDHCP, encodeDHCP, OPTION } from './message.ts'

// What CNI's reference daemon (containernetworking-plugins 1.1.1) sent for container c1, network net, eth0: a DHCPREQUEST.
const REQUEST = Buffer.from(
  `ffffffffffffc6f470d7bcc408004500012ffc0000001011adbe00000000ffffffff00440043011b0000
  01010600cbe5ee6a0000000000000000000000000a07000100000000c6f470d7bcc4${'00'.repeat(202)}
  6382536335010332040a07005336040a0700013d0c0063312f6e65742f657468303703790301ff`.replaceAll(
    /\s/g,
    '',
  ),
  'hex',
)

suite('DHCP', () => {
  test('reads what the reference client sent', () => {
    const frame = decodeUDPFrame(REQUEST)!
    assert.deepEqual(
      [frame.from, frame.to],
      [
        { mac: 'c6:f4:70:d7:bc:c4', ip: '0.0.0.0', port: 68 },
        { mac: 'ff:ff:ff:ff:ff:ff', ip: '255.255.255.255', port: 67 },
      ],
    )
    const message = decodeDHCP(frame.payload)
    assert.deepEqual(
      [message.isReply, message.transaction, message.clientMAC, message.broadcast],
      [false, 0xcbe5ee6a, 'c6:f4:70:d7:bc:c4', false],
    )
    const bytes = (text: string) => Buffer.from(text, 'hex')
    assert.deepEqual(
      [...message.options].map(([code, value]) => [code, Buffer.from(value)]),
      [
        [OPTION.messageType, bytes('03')],
        [OPTION.requestedIP, bytes('0a070053')],
        [OPTION.serverID, bytes('0a070001')],
        [OPTION.clientID, Buffer.from('\0c1/net/eth0')],
        [OPTION.parameterList, bytes('790301')],
      ],
    )
  })

  test('writes options as the reference client did, and not less than BOOTP had', () => {
    const { payload } = decodeUDPFrame(REQUEST)!
    const { yourIP: _, clientIP: __, ...message } = decodeDHCP(payload)
    const written = encodeDHCP(message)
    assert.equal(written.length, 300)
    const optionsOf = (bytes: Uint8Array) => Buffer.from(bytes.subarray(236)).toString('hex')
    assert.ok(optionsOf(written).startsWith(optionsOf(payload)))
  })

  test('a frame is read as it was written; what is no UDP is passed over', () => {
    const from = { mac: mac('02:00:00:00:00:0a'), ip: ip('10.7.0.5'), port: 68 }
    const to = { mac: mac('02:00:00:00:00:0b'), ip: ip('10.7.0.1'), port: 67 }
    const frame = { from, to, payload: Uint8Array.of(1, 2, 3) }
    const bytes = encodeUDPFrame(frame)
    assert.deepEqual(decodeUDPFrame(bytes), frame)
    // RFC 1071: with its own checksum in it, the header sums up to nothing.
    const words = Array.from({ length: 10 }, (_, i) => Buffer.from(bytes).readUInt16BE(14 + i * 2))
    const sum = words.reduce((all, word) => all + word, 0)
    assert.equal((sum & 0xffff) + (sum >>> 16), 0xffff)
    const tcp = Uint8Array.from(bytes)
    tcp[23] = 6
    assert.equal(decodeUDPFrame(tcp), undefined)
  })

  test('damage is a WireError, or another message', () => {
    const change = fc.record({ at: fc.nat(REQUEST.length - 1), to: fc.nat(255) })
    const cut = fc.nat(REQUEST.length)
    fc.assert(
      fc.property(fc.array(change, { maxLength: 6 }), cut, (changes, length) => {
        const bytes = Uint8Array.from(REQUEST)
        for (const { at, to } of changes) bytes[at] = to
        const frame = decodeUDPFrame(bytes.subarray(0, length))
        try {
          decodeDHCP(frame?.payload ?? bytes.subarray(42, length))
        } catch (error) {
          assert.ok(error instanceof WireError, String(error))
        }
      }),
      { numRuns: 500 },
    )
  })
})
