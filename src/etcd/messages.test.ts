import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import {
  decodeRange,
  decodeTxn,
  decodeWatch,
  encodeRange,
  encodeTxn,
  encodeWatch,
} from './messages.ts'
import { MessageReader, WireError } from './wire.ts'

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')

// Written by hand from protobuf's encoding guide and the field numbers of etcd's rpc.proto.
suite('encoding', () => {
  const cases = [
    {
      name: 'a page of a range at a revision',
      // key=1 "a", range_end=2 "b", limit=3 500, revision=4 300
      message: encodeRange({ key: 'a', end: 'b', limit: 500, revision: 300 }),
      want: '0a0161120162' + '18f403' + '20ac02',
    },
    {
      name: 'a count',
      message: encodeRange({ key: 'a', countOnly: true }),
      want: '0a0161' + '4801',
    },
    {
      name: 'a creation',
      // compare{target=2 MOD, key=3; mod_revision 0 is left out}, success{put{key, value}}, failure{range{key}}
      message: encodeTxn({ key: 'a', expected: { modRevision: 0 }, value: 'v' }),
      want:
        '0a05' + '1002' + '1a0161' + '1208' + '1206' + '0a0161120176' + '1a05' + '0a03' + '0a0161',
    },
    {
      name: 'a deletion at a revision',
      message: encodeTxn({ key: 'a', expected: { modRevision: 7 }, value: undefined }),
      want:
        '0a07' +
        '1002' +
        '1a0161' +
        '3007' +
        '1205' +
        '1a03' +
        '0a0161' +
        '1a05' +
        '0a03' +
        '0a0161',
    },
    {
      name: 'a turn of compaction',
      message: encodeTxn({ key: 'a', expected: { version: 7 }, value: 'v' }),
      want:
        '0a05' + '1a0161' + '2007' + '1208' + '1206' + '0a0161120176' + '1a05' + '0a03' + '0a0161',
    },
    {
      name: 'a watch',
      // create_request{key, range_end, start_revision=3, progress_notify=4, prev_kv=6, fragment=8}
      message: encodeWatch({ key: 'a', end: 'b', startRevision: 5, previous: true }),
      want: '0a0e' + '0a0161' + '120162' + '1805' + '2001' + '3001' + '4001',
    },
  ]
  for (const { name, message, want } of cases)
    test(name, () => assert.equal(hex(message.finish()), want))
})

suite('decoding', () => {
  test('an answer with fields that nobody knows', () => {
    // header{cluster_id=1, revision=3 9}, kvs{key, create=2, mod=3, version=4, value=5}, more=3, count=4; 99 unknown
    const bytes = Buffer.from(
      '0a04' +
        '0805' +
        '1809' +
        '120d' +
        '0a0161' +
        '1002' +
        '1803' +
        '2001' +
        '2a027676' +
        '1801' +
        '2003' +
        '9a0601ff',
      'hex',
    )
    const { revision, count, items } = decodeRange(bytes)
    assert.deepEqual([revision, count, items.length], [9, 3, 1])
    assert.deepEqual(
      [items[0]?.createRevision, items[0]?.modRevision, items[0]?.version],
      [2, 3, 1],
    )
  })

  test('a watch that is too old', () => {
    // header{revision 9}, created=3, canceled=4, compact_revision=5 7: as etcd 3.4 sends it, without a reason
    const bytes = Buffer.from('0a021809' + '1801' + '2001' + '2807', 'hex')
    const found = decodeWatch(bytes)
    assert.deepEqual([found.canceled, found.compactRevision, found.cancelReason], [true, 7, ''])
  })

  test('whatever comes: a message or a WireError, never more', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        for (const decode of [decodeRange, decodeTxn, decodeWatch]) {
          try {
            decode(Buffer.from(bytes))
          } catch (error) {
            assert.ok(error instanceof WireError, String(error))
          }
        }
      }),
      { numRuns: 2000 },
    )
  })

  test('numbers up to 2^53 as they are', () => {
    for (const value of [0, 1, 127, 128, 300, 2 ** 31, 2 ** 32, Number.MAX_SAFE_INTEGER]) {
      const reader = new MessageReader(encodeRange({ key: '', revision: value }).finish())
      assert.equal(reader.next() ? reader.number() : 0, value)
    }
  })
})
