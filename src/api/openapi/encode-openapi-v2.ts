/**
 * The protobuf form of an OpenAPI v2 document, which is the only one that kubectl asks for.
 * Source of all numbers: github.com/google/gnostic-models, openapiv2/OpenAPIv2.proto.
 */
import type { JSONObject, JSONValue } from '../json.ts'
import { Writer } from '../protobuf/writer.ts'

/** Writes a value as the field of this number; writes nothing for what is absent. */
type Put = (writer: Writer, number: number, value: JSONValue) => void
type Fields = Readonly<Record<string, readonly [number: number, put: Put]>>

const text: Put = (writer, number, value) => writer.string(number, value as string)
const flag: Put = (writer, number, value) => {
  if (value) writer.varint(number, 1)
}
const each =
  (put: Put): Put =>
  (writer, number, value) => {
    for (const item of value as JSONValue[]) put(writer, number, item)
  }

/** A message; keys that begin with `x-` go to its list of vendor extensions, as pairs of name and YAML. */
const message =
  (fields: () => Fields, extensions?: number): Put =>
  (writer, number, value) =>
    writer.bytes(number, encode(fields(), extensions, value as JSONObject))

function encode(fields: Fields, extensions: number | undefined, object: JSONObject): Uint8Array {
  const inner = new Writer()
  for (const [key, [number, put]] of Object.entries(fields)) {
    const value = object[key]
    if (value !== undefined) put(inner, number, value)
  }
  for (const [name, value] of Object.entries(object)) {
    if (extensions === undefined || !name.startsWith('x-')) continue
    named(any)(inner, extensions, { [name]: value })
  }
  return inner.finish()
}

/** A map: a list of messages of name (1) and value (2). */
const named =
  (put: Put): Put =>
  (writer, number, value) => {
    for (const [name, one] of Object.entries(value as JSONObject)) {
      const pair = new Writer()
      pair.string(1, name)
      put(pair, 2, one)
      writer.bytes(number, pair.finish())
    }
  }

/** A message around one field: maps, lists and alternatives have one each. */
const within =
  (inner: number, put: Put): Put =>
  (writer, number, value) => {
    const wrapper = new Writer()
    put(wrapper, inner, value)
    writer.bytes(number, wrapper.finish())
  }

/** Any: YAML text, of which JSON is a part. */
const any: Put = (writer, number, value) => within(2, text)(writer, number, JSON.stringify(value))
/** `type` may be a list. */
const typeItem = within(1, text)

const schema: Put = message(
  () => ({
    $ref: [1, text],
    format: [2, text],
    description: [4, text],
    required: [19, each(text)],
    enum: [20, each(any)],
    additionalProperties: [21, within(1, schema)],
    type: [22, typeItem],
    items: [23, within(1, schema)],
    properties: [25, within(1, named(schema))],
  }),
  31,
)

const bodyParameter = message(
  () => ({ name: [2, text], in: [3, text], required: [4, flag], schema: [5, schema] }),
  6,
)
const queryParameter = message(
  () => ({ in: [2, text], name: [4, text], type: [6, text], uniqueItems: [20, flag] }),
  23,
)
const pathParameter = message(
  () => ({
    required: [1, flag],
    in: [2, text],
    name: [4, text],
    type: [5, text],
    uniqueItems: [19, flag],
  }),
  22,
)

/** ParametersItem.parameter, then one of Parameter's two, then one of NonBodyParameter's four. */
const parameter: Put = (writer, number, value) => {
  const { in: place } = value as JSONObject
  const notBody = place === 'query' ? within(3, queryParameter) : within(4, pathParameter)
  const one = place === 'body' ? within(1, bodyParameter) : within(2, notBody)
  within(1, one)(writer, number, value)
}

const response = message(() => ({ description: [1, text], schema: [2, within(1, schema)] }), 5)
const operation = message(
  () => ({
    produces: [6, each(text)],
    consumes: [7, each(text)],
    parameters: [8, each(parameter)],
    responses: [9, within(1, named(within(1, response)))],
  }),
  13,
)
const path = message(() => ({
  get: [2, operation],
  put: [3, operation],
  post: [4, operation],
  delete: [5, operation],
  patch: [7, operation],
  parameters: [9, each(parameter)],
}))
const info = message(() => ({ title: [1, text], version: [2, text] }))

/** Encodes what planOpenAPIv2() makes; other keys of OpenAPI v2 are left out. */
export function encodeOpenAPIv2(document: JSONObject): Uint8Array {
  const fields: Fields = {
    swagger: [1, text],
    info: [2, info],
    paths: [8, within(2, named(path))],
    definitions: [9, within(1, named(schema))],
  }
  return encode(fields, undefined, document)
}
