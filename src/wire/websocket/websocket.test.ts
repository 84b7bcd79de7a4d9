import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import {
  encodeClose,
  encodeControl,
  encodeMessage,
  FrameDecoder,
  WebSocketError,
} from './frames.ts'
import { acceptKey, isWebSocketRequest, offeredProtocols } from './handshake.ts'

const bytes = (hex: string) => Buffer.from(hex, 'hex')
const decode = (hex: string) => [...new FrameDecoder().push(bytes(hex))]

suite('WebSocket frames', () => {
  // RFC 6455, section 5.7, gives these bytes.
  test('are read as in the examples of RFC 6455', () => {
    assert.deepEqual(decode('818537fa213d7f9f4d5158'), [
      { kind: 'data', start: true, end: true, isText: true, data: Buffer.from('Hello') },
    ])
    assert.deepEqual(decode('898537fa213d7f9f4d5158'), [
      { kind: 'ping', data: Buffer.from('Hello') },
    ])
  })

  test('are written as in the examples of RFC 6455', () => {
    const hex = (parts: readonly Uint8Array[]) => Buffer.concat(parts).toString('hex')
    assert.equal(hex(encodeMessage(Buffer.from('Hello'), true)), '810548656c6c6f')
    assert.equal(encodeControl('ping', Buffer.from('Hello')).toString('hex'), '890548656c6c6f')
    assert.equal(hex(encodeMessage(Buffer.alloc(256))).slice(0, 8), '827e0100')
    assert.equal(hex(encodeMessage(Buffer.alloc(65536))).slice(0, 20), '827f0000000000010000')
    assert.equal(encodeClose(1000).toString('hex'), '880203e8')
  })

  const refused = [
    { name: 'without a mask', hex: '810548656c6c6f' },
    { name: 'with an extension', hex: 'c18537fa213d7f9f4d5158' },
    { name: 'of an unknown kind', hex: '838000000000' },
    { name: 'that go on with nothing', hex: '808000000000' },
    { name: 'of control in parts', hex: '098000000000' },
    { name: 'of control and too long', hex: '89fe007e00000000' },
    { name: 'longer than any number', hex: '82ffffffffffffffffff00000000' },
    {
      name: 'that begin a message inside one',
      hex: '018000000000818000000000',
    },
  ]
  for (const { name, hex } of refused)
    test(`${name} are refused`, () => assert.throws(() => decode(hex), WebSocketError))

  test('are the same however they are cut', () => {
    const message = Buffer.from('Hello')
    const whole = bytes('018337fa213d7f9f4d8980aabbccdd80823d37fa215158')
    fc.assert(
      fc.property(fc.array(fc.nat(whole.length), { maxLength: 6 }), (cuts) => {
        const decoder = new FrameDecoder()
        const at = [0, ...cuts.toSorted((a, b) => a - b), whole.length]
        const frames = at
          .slice(1)
          .flatMap((end, i) => [...decoder.push(whole.subarray(at[i], end))])
        const parts = frames.filter((frame) => frame.kind === 'data')
        assert.equal(Buffer.concat(parts.map(({ data }) => data)).length, message.length)
        assert.deepEqual(
          parts.filter(({ start }) => start).length + parts.filter(({ end }) => end).length,
          2,
        )
      }),
    )
  })

  test('of any bytes do no harm', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (noise) => {
        try {
          for (const frame of new FrameDecoder().push(Buffer.from(noise))) assert.ok(frame.kind)
        } catch (error) {
          assert.ok(error instanceof WebSocketError, String(error))
        }
      }),
      { numRuns: 1000 },
    )
  })
})

suite('the WebSocket handshake', () => {
  test('answers the key of RFC 6455, section 1.3', () => {
    assert.equal(acceptKey('dGhlIHNhbXBsZSBub25jZQ=='), 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=')
  })

  test('takes version 13 and a key of 16 bytes', () => {
    const headers = {
      upgrade: 'websocket',
      'sec-websocket-version': '13',
      'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
    }
    assert.ok(isWebSocketRequest(headers))
    assert.ok(!isWebSocketRequest({ ...headers, 'sec-websocket-version': '8' }))
    assert.ok(!isWebSocketRequest({ ...headers, 'sec-websocket-key': 'short' }))
    assert.ok(!isWebSocketRequest({ ...headers, upgrade: 'SPDY/3.1' }))
  })

  test('reads names that are no tokens', () => {
    assert.deepEqual(
      offeredProtocols({
        'sec-websocket-protocol': 'SPDY/3.1+portforward.k8s.io, v4.channel.k8s.io',
      }),
      ['SPDY/3.1+portforward.k8s.io', 'v4.channel.k8s.io'],
    )
  })
})
