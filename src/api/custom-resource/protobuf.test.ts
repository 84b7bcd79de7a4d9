/** testdata/protobuf.json: a definition with all that schemas encode in ways of their own, as Go's serializer prints and encodes it (k8s.io/apiextensions-apiserver v0.36.0). */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { suite, test } from 'node:test'
import { assertRobust } from '#testing/codec.ts'
import type { JSONObject } from '../json.ts'
import { decodeProtobuf, encodeProtobuf } from '../protobuf/protobuf.ts'
import { customResourceDefinitions } from '../resources.ts'
import { checkFields } from '../schema/check-fields.ts'
import { StatusError } from '../status.ts'

interface Golden {
  readonly object: JSONObject
  readonly protobuf: string
}

const { object, protobuf }: Golden = JSON.parse(
  readFileSync(new URL('./testdata/protobuf.json', import.meta.url), 'utf8'),
)
const bytes = Buffer.from(protobuf, 'hex')
/** Without the nulls and empty texts that Go prints where nothing is. */
const checked = (value: JSONObject) => checkFields(customResourceDefinitions, value).object

suite('a definition in protobuf', () => {
  test('decodes to what Go prints', () => {
    assert.deepEqual(checked(decodeProtobuf(bytes)), checked(object))
  })
  test('encodes to the bytes of Go', () => {
    assert.equal(Buffer.from(encodeProtobuf(object)).toString('hex'), protobuf)
  })
  test('hostile bytes are refused', () => assertRobust(decodeProtobuf, bytes, StatusError))
})
