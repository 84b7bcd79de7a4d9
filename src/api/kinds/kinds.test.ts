import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import type { JSONObject, JSONValue } from '../json.ts'
import type { KubernetesObject } from '../meta.ts'
import { checkFields } from '../schema/check-fields.ts'
import {
  isSchemaOr,
  isStruct,
  JSON_SCHEMA,
  type SchemaType,
  schemaType,
  schemaTypeOf,
} from '../schema/schema.ts'
import { kinds } from './kinds.ts'

/** Random objects of a schema type: every field may be missing, zero, wrong or odd. */
function objectsOf(type: SchemaType, depth: number): fc.Arbitrary<JSONObject> {
  const fields = [...type.json.values()].filter(({ name }) => name !== 'managedFields')
  const model = Object.fromEntries(
    fields.map((field) => {
      const one = valuesOf(field.type.of, depth)
      if (field.type.shape === 'list') return [field.name, fc.array(one, { maxLength: 3 })]
      if (field.type.shape === 'map') return [field.name, fc.dictionary(texts, one, { maxKeys: 2 })]
      return [field.name, field.enum ? fc.oneof(fc.constantFrom(...field.enum), texts) : one]
    }),
  )
  return fc.record(model, { requiredKeys: [] }) as fc.Arbitrary<JSONObject>
}

const texts = fc.constantFrom(
  '',
  'a',
  'web',
  'A_b',
  '10.0.0.1',
  '127.0.0.1',
  '::1',
  'None',
  '%',
  '__proto__',
  '1%',
  'TCP',
)
const integers = fc.constantFrom(-1, 0, 1, 80, 65535, 65536, 2147483647)

function valuesOf(of: string, depth: number): fc.Arbitrary<JSONValue> {
  if (isStruct(of)) return depth === 0 ? fc.constant({}) : objectsOf(schemaType(of), depth - 1)
  if (of === 'bool') return fc.boolean()
  if (/^int|^double/.test(of)) return integers
  if (of === 'IntOrString') return fc.oneof(integers, texts)
  if (of === 'Time') return fc.constant('2026-11-21T00:00:00Z')
  if (of === 'MicroTime') return fc.constant('2026-11-21T00:00:00.000000Z')
  if (of === 'bytes') return fc.constant('aGk=')
  if (of === 'JSON') return fc.jsonValue() as fc.Arbitrary<JSONValue>
  if (isSchemaOr(of)) {
    const schema = valuesOf(JSON_SCHEMA, Math.min(depth, 1))
    if (of === 'JSONSchemaPropsOrBool') return fc.oneof(fc.boolean(), schema)
    const item = of === 'JSONSchemaPropsOrArray' ? schema : texts
    return fc.oneof(schema, fc.array(item, { maxLength: 2 }))
  }
  if (of === 'Quantity') return fc.constant('1Gi')
  if (of === '[]string') return fc.array(texts, { maxLength: 2 })
  return texts
}

suite('every kind takes any object that passed checkFields()', () => {
  for (const kind of kinds) {
    test(kind.resource.kind, () => {
      const type = schemaTypeOf(kind.resource)!
      fc.assert(
        fc.property(objectsOf(type, 5), objectsOf(type, 5), (a, b) => {
          const [first, second] = [a, b].map((value) => {
            const { object, typeError } = checkFields(kind.resource, value)
            assert.equal(typeError, undefined)
            const metadata = (object.metadata ?? {}) as unknown as KubernetesObject['metadata']
            return kind.default({ ...object, metadata })
          }) as [KubernetesObject, KubernetesObject]
          const created = kind.prepareCreate(first)
          kind.validate(created)
          kind.warnings?.(created)
          const updated = kind.prepareUpdate(second, created)
          kind.validateUpdate(updated, created)
          kind.warnings?.(updated, created)
          if (kind.prepareStatusUpdate) {
            kind.validateStatusUpdate?.(kind.prepareStatusUpdate(second, created), created)
          }
          for (const read of Object.values(kind.selectableFields ?? {})) read(created)
        }),
        { numRuns: 30 },
      )
    })
  }
})

suite('every kind', () => {
  for (const kind of kinds) {
    test(`${kind.resource.kind} defaults twice as once`, () => {
      fc.assert(
        fc.property(objectsOf(schemaTypeOf(kind.resource)!, 5), (value) => {
          const { object } = checkFields(kind.resource, value)
          const metadata = (object.metadata ?? {}) as unknown as KubernetesObject['metadata']
          const once = kind.default({ ...object, metadata })
          assert.deepEqual(kind.default(once), once)
        }),
        { numRuns: 10 },
      )
    })
  }
})
