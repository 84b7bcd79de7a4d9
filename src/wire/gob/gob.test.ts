import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { WireError } from '../netlink/wire-error.ts'
import { createGobDecoder } from './decode.ts'
import { createGobEncoder, encodeInt, encodeUint } from './encode.ts'
import type { GobStruct } from './types.ts'

const hex = (text: string) => Buffer.from(text.replaceAll(/\s/g, ''), 'hex')

// Go 1.26, encoding/gob: one encoder, rpc.Request and a struct of the fields of CNI's skel.CmdArgs.
const request = hex(`
  2e7f030101075265717565737401ff80000102010d536572766963654d6574686f64010c000103536571010600000012ff
  80010d444843502e416c6c6f63617465006cff8103010107436d644172677301ff82000107010b436f6e7461696e657249
  44010c0001054e65746e73010c00010649664e616d65010c00010441726773010c00010450617468010c00010d4e65746e
  734f76657272696465010c000109537464696e44617461010a00000032ff8201026331010c2f72756e2f6e65746e732f61
  0104657468300103413d31010c2f6f70742f636e692f62696e02027b7d00`)
// The same: rpc.Response and a value of CNI's types100.Result, with slices of pointers to structs, and numbers below zero.
const response = hex(`
  3aff8303010108526573706f6e736501ff84000103010d536572766963654d6574686f64010c0001035365710106000105
  4572726f72010c00000014ff84010d444843502e416c6c6f6361746501070051ff8503010106526573756c7401ff860001
  05010a434e4956657273696f6e010c00010a496e746572666163657301ff8a00010349507301ff90000106526f75746573
  01ff94000103444e5301ff9600000020ff89020101115b5d2a6d61696e2e496e7465726661636501ff8a0001ff88000031
  ff87030102ff8800010401044e616d65010c0001034d6163010c0001034d7475010400010753616e64626f78010c000000
  1fff8f020101105b5d2a6d61696e2e4950436f6e66696701ff900001ff8c000033ff8b030102ff8c0001030109496e7465
  7266616365010400010741646472657373 01ff8e00010747617465776179010a00000023ff8d0301010549504e657401ff
  8e00010201024950010a0001044d61736b010a0000001cff930201010d5b5d2a6d61696e2e526f75746501ff940001ff92
  000050ff91030102ff92000107010344737401ff8e0001024757010a0001034d54550104000106416476 4d535301040001
  085072696f7269747901040001055461626c65010400010553636f7065010400000046ff9503010103444e5301ff960001
  04010b4e616d657365727665727301ff98000106446f6d61696e010c00010653656172636801ff980001074f7074696f6e
  7301ff9800000016ff97020101085b5d737472696e6701ff9800010c000042ff860105312e312e30020101020101040a07
  00050104ffffff000001040a070001000101010104000000000104000000000001040a070001030902fe01fa00010000`)

suite('gob', () => {
  test('reads what Go wrote, however it is cut', () => {
    for (const size of [1, 7, 1000]) {
      const decoder = createGobDecoder()
      const values = []
      for (let at = 0; at < request.length; at += size) {
        values.push(...decoder.push(request.subarray(at, at + size)))
      }
      assert.deepEqual(values, [
        { ServiceMethod: 'DHCP.Allocate' },
        {
          ContainerID: 'c1',
          Netns: '/run/netns/a',
          IfName: 'eth0',
          Args: 'A=1',
          Path: '/opt/cni/bin',
          StdinData: Uint8Array.from(Buffer.from('{}')),
        },
      ])
    }
    const [head, result] = createGobDecoder().push(response)
    assert.deepEqual(head, { ServiceMethod: 'DHCP.Allocate', Seq: 7 })
    const zero = Uint8Array.of(0, 0, 0, 0)
    assert.deepEqual(result, {
      CNIVersion: '1.1.0',
      IPs: [
        {
          Interface: 1,
          Address: { IP: Uint8Array.of(10, 7, 0, 5), Mask: Uint8Array.of(255, 255, 255, 0) },
          Gateway: Uint8Array.of(10, 7, 0, 1),
        },
      ],
      Routes: [
        { Dst: { IP: zero, Mask: zero }, GW: Uint8Array.of(10, 7, 0, 1), Priority: -5, Scope: 253 },
      ],
      DNS: {},
    })
  })

  test('writes what Go wrote, but for the numbers of the types', () => {
    const type: GobStruct = {
      name: 'Request',
      fields: [
        ['ServiceMethod', 'string'],
        ['Seq', 'uint'],
      ],
    }
    // Go begins at 64 in this program, we at 65: 7f is -64, and ff 80 is 64.
    const bytes = createGobEncoder().encode(type, { ServiceMethod: 'DHCP.Allocate', Seq: 0 })
    const renumbered = request
      .subarray(0, 66)
      .toString('hex')
      .replace('2e7f', '2fff81')
      .replaceAll('ff80', 'ff82')
    assert.equal(Buffer.from(bytes).toString('hex'), renumbered)
  })

  // "Encoding Details"
  const numbers = [
    { value: 7, unsigned: '07', signed: '0e' },
    { value: 256, unsigned: 'fe0100', signed: 'fe0200' },
  ]
  for (const { value, unsigned, signed } of numbers) {
    test(`writes ${value}`, () => {
      assert.equal(Buffer.from(encodeUint(value)).toString('hex'), unsigned)
      assert.equal(Buffer.from(encodeInt(value)).toString('hex'), signed)
    })
  }
  test('writes -129', () => assert.equal(Buffer.from(encodeInt(-129)).toString('hex'), 'fe0101'))

  test('what was written is read again', () => {
    const inner: GobStruct = {
      name: 'Inner',
      fields: [
        ['Text', 'string'],
        ['Number', 'int'],
      ],
    }
    const outer: GobStruct = {
      name: 'Outer',
      fields: [
        ['List', { elements: inner }],
        ['Bytes', 'bytes'],
      ],
    }
    const number = fc.integer().filter((it) => it !== 0)
    const element = fc.record({ Text: fc.string({ minLength: 1 }), Number: number })
    const value = fc.record({
      List: fc.array(element, { minLength: 1 }),
      Bytes: fc.uint8Array({ minLength: 1 }),
    })
    fc.assert(
      fc.property(fc.array(value, { minLength: 1, maxLength: 3 }), (values) => {
        const [encoder, decoder] = [createGobEncoder(), createGobDecoder()]
        const read = values.flatMap((each) => decoder.push(encoder.encode(outer, each)))
        assert.deepEqual(
          read,
          values.map((each) => ({ ...each, List: each.List.map((it) => ({ ...it })) })),
        )
      }),
      { numRuns: 100 },
    )
  })

  test('damage is a WireError, or another value', () => {
    const change = fc.record({ at: fc.nat(response.length - 1), to: fc.nat(255) })
    fc.assert(
      fc.property(fc.array(change, { maxLength: 5 }), (changes) => {
        const bytes = Uint8Array.from(response)
        for (const { at, to } of changes) bytes[at] = to
        try {
          createGobDecoder().push(bytes)
        } catch (error) {
          assert.ok(error instanceof WireError, String(error))
        }
      }),
      { numRuns: 500 },
    )
  })
})
