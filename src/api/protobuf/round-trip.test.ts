/** Random objects of every type in the table, through the field check and the protobuf codec; and hostile messages. */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import type { JSONObject, JSONValue } from '../json.ts'
import { checkFields } from '../schema/check-fields.ts'
import { printFields } from '../schema/complete-fields.ts'
import { type Field, isStruct, JSON_SCHEMA, schemaType, schemaTypeNames } from '../schema/schema.ts'
import { StatusError } from '../status.ts'
import { decodeMessage } from './decode.ts'
import { encodeMessage } from './encode.ts'
import { decodeProtobuf, encodeProtobuf } from './protobuf.ts'
import { ProtobufError } from './reader.ts'

const maxDepth = 3
const text = fc.string({ minLength: 1, maxLength: 6 })
const seconds = fc.integer({ min: 1, max: 4_000_000_000 })
const isoSecond = (at: number) => `${new Date(at * 1000).toISOString().slice(0, 19)}`

/** Values that JSON and protobuf both write, in the form that Go prints; zeros are absences, hence none. */
const scalars: Readonly<Record<string, fc.Arbitrary<JSONValue>>> = {
  '[]string': fc.array(text, { maxLength: 2 }),
  bool: fc.constant(true),
  bytes: fc
    .uint8Array({ minLength: 1, maxLength: 6 })
    .map((b) => Buffer.from(b).toString('base64')),
  double: fc.double({ noNaN: true, noDefaultInfinity: true, min: 0.001, max: 1e9 }),
  FieldsV1: fc.constant({ 'f:spec': {} }),
  int32: fc.integer({ min: 1, max: 2 ** 31 - 1 }),
  int64: fc.maxSafeInteger().filter((value) => value !== 0),
  IntOrString: fc.oneof(fc.integer({ min: 1, max: 65535 }), text),
  MicroTime: fc
    .tuple(seconds, fc.integer({ min: 0, max: 999_999 }))
    .map(([at, micros]) => `${isoSecond(at)}.${String(micros).padStart(6, '0')}Z`),
  Quantity: fc.integer({ min: 1, max: 999 }).map((value) => `${value}Mi`),
  RawExtension: fc.constant({ kind: 'A' }),
  string: text,
  Time: seconds.map((at) => `${isoSecond(at)}Z`),
}

function arbitraryOf(field: Field, depth: number): fc.Arbitrary<JSONValue> | undefined {
  const { shape, of } = field.type
  // JSON schemas reach themselves by a dozen ways.
  const below = of === JSON_SCHEMA ? depth + 2 : depth + 1
  const one = isStruct(of) ? arbitraryStruct(of, below) : scalars[of]
  if (!one) return undefined
  if (shape === 'one') return one
  const several = fc.array(one, { minLength: 1, maxLength: 2 })
  if (shape === 'list') return several
  return fc.dictionary(
    text.filter((key) => key !== '__proto__'),
    one,
    { minKeys: 1, maxKeys: 2 },
  ) as fc.Arbitrary<JSONValue>
}

/** Some fields of a type; none deep down, so that all types come to an end. */
function arbitraryStruct(name: string, depth: number): fc.Arbitrary<JSONObject> {
  const fields = [...schemaType(name).json.values()].filter(({ number }) => number > 0)
  const entries = fields.flatMap((field) => {
    if (depth >= maxDepth && isStruct(field.type.of)) return []
    const value = arbitraryOf(field, depth)
    return value ? [[field.name, value] as const] : []
  })
  return fc.record(Object.fromEntries(entries), { requiredKeys: [] }) as fc.Arbitrary<JSONObject>
}

/** What the API answers of an object that came in protobuf, and in JSON: the same, as Go prints it. */
const throughProtobuf = (name: string, object: JSONObject) =>
  printFields(
    schemaType(name),
    decodeMessage(schemaType(name), encodeMessage(schemaType(name), object)),
  )

suite('every type of the table', () => {
  for (const name of schemaTypeNames()) {
    test(`${name}: decode(encode(x)) is x`, () => {
      fc.assert(
        fc.property(arbitraryStruct(name, 0), (object) => {
          assert.deepEqual(
            throughProtobuf(name, object),
            printFields(schemaType(name), plain(object)),
          )
        }),
        { numRuns: 5 },
      )
    })
  }

  test('passes the field check unchanged, if it is a kind', () => {
    for (const name of schemaTypeNames()) {
      const { gvk } = schemaType(name)
      if (!gvk) continue
      fc.assert(
        fc.property(arbitraryStruct(name, 0), (object) => {
          const { object: checked, unknown, typeError } = checkFields(gvk, object)
          assert.equal(typeError, undefined)
          assert.deepEqual(unknown, [])
          assert.deepEqual(
            printFields(schemaType(name), checked),
            printFields(schemaType(name), plain(object)),
          )
        }),
        { numRuns: 5 },
      )
    }
  })
})

suite('a hostile message', () => {
  const kinds = schemaTypeNames().flatMap((name) => schemaType(name).gvk ?? [])

  test('cut at every length is an error or an object, of every kind', () => {
    for (const { group, version, kind } of kinds) {
      const apiVersion = group === '' ? version : `${group}/${version}`
      const name = schemaTypeNames().find(
        (one) =>
          schemaType(one).gvk?.kind === kind &&
          schemaType(one).gvk?.group === group &&
          schemaType(one).gvk?.version === version,
      )!
      const [object] = fc.sample(arbitraryStruct(name, 1), { numRuns: 1, seed: 7 })
      const whole = encodeProtobuf({ ...object, apiVersion, kind })
      for (let length = 0; length < whole.length; length++) survives(whole.subarray(0, length))
    }
  })

  test('with any byte changed is an error or an object', () => {
    const [pod] = fc.sample(arbitraryStruct('core.v1.Pod', 0), { numRuns: 1, seed: 11 })
    const whole = encodeProtobuf({ ...pod, apiVersion: 'v1', kind: 'Pod' })
    fc.assert(
      fc.property(fc.nat(whole.length - 1), fc.nat(255), (at, byte) => {
        const changed = Uint8Array.from(whole)
        changed[at] = byte
        survives(changed)
      }),
      { numRuns: 1000 },
    )
  })

  test('of any bytes is an error or an object, of every type', () => {
    for (const name of schemaTypeNames()) {
      fc.assert(
        fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
          try {
            decodeMessage(schemaType(name), bytes)
          } catch (error) {
            assert.ok(error instanceof ProtobufError, String((error as Error).stack))
          }
        }),
        { numRuns: 10 },
      )
    }
  })

  function survives(bytes: Uint8Array): void {
    try {
      decodeProtobuf(bytes)
    } catch (error) {
      assert.ok(error instanceof StatusError, String((error as Error).stack))
      assert.equal(error.status.code, 400)
    }
  }
})

/** With the usual prototypes, which fast-check leaves out at times. */
const plain = (object: JSONObject): JSONObject => JSON.parse(JSON.stringify(object))
