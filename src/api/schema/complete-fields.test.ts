import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { suite, test } from 'node:test'
import { isJSONObject, type JSONObject, type JSONValue } from '../json.ts'
import { dropNulls, fillFields, printFields } from './complete-fields.ts'
import { type SchemaType, schemaType, schemaTypeOf } from './schema.ts'

const zeros = readFileSync(new URL('./testdata/zeros.txt', import.meta.url), 'utf8')
  .trimEnd()
  .split('\n')
  .filter((line) => !line.startsWith('#'))
  .map((line) => line.split(' ', 2) as [string, string])

suite('printFields()', () => {
  test('prints what holds nothing as Go does, of every type', () => {
    for (const [name, printed] of zeros) {
      assert.deepEqual(printFields(schemaType(name), {}), JSON.parse(printed), name)
    }
  })

  test('adds nothing to what kube-apiserver answered', () => {
    const answers = recordedObjects()
    assert.ok(answers.length > 300)
    for (const { type, object } of answers) assert.equal(printFields(type, object), object)
  })

  test('goes into lists, and leaves its argument alone', () => {
    const pod = schemaType('core.v1.PodSpec')
    const object = Object.freeze({ containers: [Object.freeze({ name: 'c' })] })
    const printed = { containers: [{ name: 'c', resources: {} }] }
    assert.deepEqual(printFields(pod, object), printed)
  })
})

suite('fillFields() and dropNulls()', () => {
  test('fillFields() is printFields() without what is null', () => {
    for (const [name] of zeros) {
      const type = schemaType(name)
      assert.deepEqual(dropNulls(type, printFields(type, {})), fillFields(type, {}), name)
    }
  })

  test('a null that a client may send stays', () => {
    const type = schemaType('apps.v1.ControllerRevision')
    const object = { metadata: {}, data: { spec: null }, revision: 1 }
    assert.equal(dropNulls(type, object), object)
  })
})

interface Typed {
  readonly type: SchemaType
  readonly object: JSONObject
}

/** Whole objects in what kube-apiserver v1.36.0 answered: see ../../apiserver/testing/conversations. */
function recordedObjects(): Typed[] {
  const directory = new URL('../../apiserver/testing/conversations/testdata/', import.meta.url)
  return readdirSync(directory).flatMap((name) =>
    objectsIn(JSON.parse(readFileSync(new URL(name, directory), 'utf8'))),
  )
}

function objectsIn(value: JSONValue): Typed[] {
  if (Array.isArray(value)) return value.flatMap(objectsIn)
  if (!isJSONObject(value)) return []
  const { apiVersion, kind } = value
  if (typeof apiVersion !== 'string' || typeof kind !== 'string') {
    return Object.values(value).flatMap(objectsIn)
  }
  const [version, group = ''] = apiVersion.split('/').toReversed()
  const type = schemaTypeOf({ group, version: version!, kind })
  return type ? [{ type, object: value }] : []
}
