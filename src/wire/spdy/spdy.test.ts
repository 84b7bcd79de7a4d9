import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { createInflate } from 'node:zlib'
import fc from 'fast-check'
import { HEADER_DICTIONARY } from './dictionary.ts'
import {
  encodeData,
  encodeGoAway,
  encodePing,
  encodeRstStream,
  encodeSynReply,
  encodeSynStream,
  type Frame,
  FrameDecoder,
  MAX_CONTROL_FRAME,
  SPDYError,
} from './frames.ts'
import { HeaderBlockReader, HeaderBlockWriter } from './header-blocks.ts'

// Written by the framer of github.com/moby/spdystream v0.5.1, which kubectl speaks SPDY with.
const SYN_STREAM_1 =
  '800300010000002a0000000100000000000078f9e3c6a7c26260606004a7b392a2d4c45c6851c25a5c92929907000000ffff'
const SYN_STREAM_3 =
  '800300010100002f0000000300000000000002a547060606ce2248d465829234a301866250b9930829c28bc0b9c5c2c0c200000000ffff'
const HELLO = '000000010000000568656c6c6f'
const FIN = '0000000101000000'
const RST = '80030003000000080000000300000005'
const PING = '800300060000000400000007'
const GOAWAY = '80030007000000080000000300000000'
const WINDOW = '80030009000000080000000100010000'

const bytes = (hex: string) => Buffer.from(hex, 'hex')
const hexOf = (parts: readonly Uint8Array[]) => Buffer.concat(parts).toString('hex')
const decode = (hex: string) => [...new FrameDecoder().push(bytes(hex))]

suite('SPDY frames', () => {
  test('are written as spdystream writes them', () => {
    assert.equal(hexOf(encodeData(1, Buffer.from('hello'), false)), HELLO)
    assert.equal(hexOf(encodeData(1, Buffer.alloc(0), true)), FIN)
    assert.equal(encodeRstStream(3, 5).toString('hex'), RST)
    assert.equal(encodePing(7).toString('hex'), PING)
    assert.equal(encodeGoAway(3, 0).toString('hex'), GOAWAY)
    const block = bytes(SYN_STREAM_1).subarray(18)
    assert.equal(encodeSynStream(1, block).toString('hex'), SYN_STREAM_1)
    // Section 2.6.2: type 2, and nothing between the stream's number and the headers.
    assert.equal(
      encodeSynReply(1, Buffer.from('ab')).toString('hex'),
      '8003000200000006000000016162',
    )
  })

  test('are read as spdystream wrote them', () => {
    assert.deepEqual(decode(HELLO + FIN + RST + PING + GOAWAY + WINDOW), [
      { kind: 'data', streamId: 1, fin: false, data: Buffer.from('hello') },
      { kind: 'data', streamId: 1, fin: true, data: Buffer.alloc(0) },
      { kind: 'rst-stream', streamId: 3, status: 5 },
      { kind: 'ping', id: 7 },
      { kind: 'goaway', lastStreamId: 3, status: 0 },
      { kind: 'window-update', streamId: 1, delta: 65536 },
    ])
  })

  test('are the same however they are cut', () => {
    const whole = bytes(SYN_STREAM_1 + HELLO + SYN_STREAM_3 + FIN + PING)
    fc.assert(
      fc.property(fc.array(fc.nat(whole.length), { maxLength: 8 }), (cuts) => {
        const decoder = new FrameDecoder()
        const at = [0, ...cuts.toSorted((a, b) => a - b), whole.length]
        const frames = at
          .slice(1)
          .flatMap((end, i) => [...decoder.push(whole.subarray(at[i], end))])
        const data = frames.filter((frame) => frame.kind === 'data')
        assert.equal(Buffer.concat(data.map((frame) => frame.data)).toString(), 'hello')
        assert.deepEqual(
          frames.filter(({ kind }) => kind !== 'data').map(({ kind }) => kind),
          ['syn-stream', 'syn-stream', 'ping'],
        )
        assert.equal(data.filter(({ fin }) => fin).length, 1)
      }),
    )
  })

  test('of any bytes do no harm', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (noise) => {
        try {
          for (const frame of new FrameDecoder().push(Buffer.from(noise))) assert.ok(frame.kind)
        } catch (error) {
          assert.ok(error instanceof SPDYError, String(error))
        }
      }),
      { numRuns: 1000 },
    )
  })

  test('are not kept when they are too large', () => {
    const header = bytes('8003000100000000')
    header.writeUIntBE(MAX_CONTROL_FRAME + 1, 5, 3)
    assert.throws(() => [...new FrameDecoder().push(header)], SPDYError)
  })
})

const blockOf = (hex: string) => {
  const [frame] = decode(hex) as [Extract<Frame, { readonly block: Buffer }>]
  return frame.block
}

suite('SPDY header blocks', () => {
  test('are read one after the other, as one stream', async () => {
    using reader = new HeaderBlockReader()
    assert.deepEqual([...(await reader.read(blockOf(SYN_STREAM_1)))], [['streamtype', 'stdin']])
    assert.deepEqual(
      new Map([...(await reader.read(blockOf(SYN_STREAM_3)))].toSorted()),
      new Map([
        ['port', '8080'],
        ['requestid', '0'],
        ['streamtype', 'data'],
      ]),
    )
  })

  test('are written so that zlib reads them', async () => {
    const writer = new HeaderBlockWriter()
    using reader = new HeaderBlockReader()
    assert.equal((await reader.read(writer.write())).size, 0)
    const headers = new Map([['streamtype', 'error']])
    assert.deepEqual(await reader.read(writer.write(headers)), headers)
    // compress/flate of Go 1.26 (inflate.go, copyData) waits for the flush at the end.
    assert.match(writer.write().toString('hex'), /000000ffff$/)
    const inflate = createInflate({ dictionary: HEADER_DICTIONARY })
    inflate.write(new HeaderBlockWriter().write())
    inflate.on('data', (data: Buffer) => assert.equal(data.toString('hex'), '00000000'))
  })

  test('that grow without end are refused', async () => {
    const { deflateSync, constants } = await import('node:zlib')
    const bomb = deflateSync(Buffer.alloc(10_000_000), { finishFlush: constants.Z_SYNC_FLUSH })
    using reader = new HeaderBlockReader()
    await assert.rejects(reader.read(bomb), SPDYError)
    await assert.rejects(reader.read(Buffer.alloc(3)), SPDYError)
  })

  test('of any bytes do no harm', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 60 }), async (noise) => {
        using reader = new HeaderBlockReader()
        await reader.read(noise).catch((error) => assert.ok(error instanceof SPDYError, error))
      }),
      { numRuns: 300 },
    )
  })
})
