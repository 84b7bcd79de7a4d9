import { type JSONObject, type JSONValue, setKey } from '../json.ts'
import { isOmitted } from '../schema/check-fields.ts'
import { describeRounded } from '../schema/rounded-integers.ts'
import { type Field, isStruct, JSON_SCHEMA, type SchemaType, schemaType } from '../schema/schema.ts'
import { ProtobufError, readFields, readPacked, type WireValue } from './reader.ts'

// Only JSON schemas reach themselves, and none that people write is nearly as deep.
const maxDepth = 200

/**
 * A message as Go would print it in JSON. Go writes every field that is no pointer, zero or not, so zeros of these
 * are absences, and so are empty structs.
 */
export function decodeMessage(type: SchemaType, bytes: Uint8Array, depth = 0): JSONObject {
  if (depth > maxDepth) throw new ProtobufError('exceeded max depth')
  const byNumber = numbersOf(type)
  const object: JSONObject = {}
  for (const { number, value } of readFields(bytes)) {
    const field = byNumber.get(number)
    if (field) decodeField(object, field, value, depth)
  }
  for (const field of type.fields) {
    const value = object[field.name]
    if (value !== undefined && !field.inline && isAbsence(field, value)) delete object[field.name]
  }
  return object
}

function isAbsence(field: Field, value: JSONValue): boolean {
  if (field.pointer || field.type.shape !== 'one') return false
  if (value === null) return true
  if (isStruct(field.type.of)) return Object.keys(value).length === 0
  return isOmitted(field, value)
}

const numbers = new WeakMap<SchemaType, ReadonlyMap<number, Field>>()

function numbersOf(type: SchemaType): ReadonlyMap<number, Field> {
  let known = numbers.get(type)
  if (!known) {
    known = new Map(type.fields.map((field) => [field.number, field]))
    numbers.set(type, known)
  }
  return known
}

function decodeField(object: JSONObject, field: Field, value: WireValue, depth: number): void {
  const { shape, of } = field.type
  if (field.inline) {
    Object.assign(object, decodeMessage(schemaType(of), bytesOf(value), depth + 1))
    return
  }
  if (shape === 'one') {
    object[field.name] = decodeOne(of, value, depth)
    return
  }
  if (shape === 'list') {
    object[field.name] ??= []
    const list = object[field.name] as JSONValue[]
    const packed = /^(bool|int32|int64)$/.test(of) && typeof value !== 'bigint'
    for (const item of packed ? readPacked(value) : [value]) list.push(decodeOne(of, item, depth))
    return
  }
  object[field.name] ??= {}
  let key = ''
  let item: JSONValue | undefined
  for (const part of readFields(bytesOf(value))) {
    if (part.number === 1) key = textOf(part.value)
    else if (part.number === 2) item = decodeOne(of, part.value, depth)
  }
  setKey(object[field.name] as JSONObject, key, item ?? zeroOf(of))
}

/** What an entry of a map holds that says no value. */
function zeroOf(of: string): JSONValue {
  if (isStruct(of)) return {}
  if (of === 'Quantity') return '0'
  if (of === 'Time') return null
  return of === '[]string' ? [] : ''
}

/** A list as the value of a map: protobuf puts it into a message of its own. */
function decodeWrappedList(bytes: Uint8Array): JSONValue {
  const items = [...readFields(bytes)].filter(({ number }) => number === 1)
  return items.map(({ value }) => textOf(value))
}

function decodeOne(of: string, value: WireValue, depth: number): JSONValue {
  if (isStruct(of)) return decodeMessage(schemaType(of), bytesOf(value), depth + 1)
  switch (of) {
    case 'bool':
      return integerOf(value) !== 0n
    case 'int32':
      return Number(BigInt.asIntN(32, integerOf(value)))
    case 'int64':
      return exactly(BigInt.asIntN(64, integerOf(value)))
    case 'double':
      return doubleOf(bytesOf(value))
    case 'bytes':
      return Buffer.from(bytesOf(value)).toString('base64')
    case 'Time':
    case 'MicroTime':
      return decodeTime(of, bytesOf(value))
    case 'Quantity':
      return textOf(firstField(bytesOf(value), 1) ?? new Uint8Array())
    case 'IntOrString':
      return decodeIntOrString(bytesOf(value))
    case '[]string':
      return decodeWrappedList(bytesOf(value))
    case 'JSONSchemaPropsOrBool':
    case 'JSONSchemaPropsOrArray':
    case 'JSONSchemaPropsOrStringArray':
      return decodeSchemaOr(of, bytesOf(value), depth)
    case 'JSON':
    case 'RawExtension':
    case 'FieldsV1':
      return decodeJSON(firstField(bytesOf(value), 1))
    default:
      return textOf(value)
  }
}

function firstField(bytes: Uint8Array, number: number): WireValue | undefined {
  for (const field of readFields(bytes)) if (field.number === number) return field.value
  return undefined
}

function decodeJSON(raw: WireValue | undefined): JSONValue {
  if (raw === undefined) return null
  try {
    return JSON.parse(textOf(raw))
  } catch (cause) {
    throw new ProtobufError('raw value is no JSON', { cause })
  }
}

/** apiextensions/v1 generated.proto: a schema and something simpler, one of which is there. */
function decodeSchemaOr(of: string, bytes: Uint8Array, depth: number): JSONValue {
  const orBool = of === 'JSONSchemaPropsOrBool'
  const schema = firstField(bytes, orBool ? 2 : 1)
  if (orBool && schema === undefined) return integerOf(firstField(bytes, 1) ?? 0n) !== 0n
  if (schema !== undefined) return decodeOne(JSON_SCHEMA, schema, depth)
  const items = [...readFields(bytes)].filter(({ number }) => number === 2)
  const item = of === 'JSONSchemaPropsOrArray' ? JSON_SCHEMA : 'string'
  return items.map(({ value }) => decodeOne(item, value, depth))
}

/** google.protobuf.Timestamp; no second at all is Go's zero time. */
function decodeTime(of: string, bytes: Uint8Array): JSONValue {
  const seconds = BigInt.asIntN(64, integerOf(firstField(bytes, 1) ?? 0n))
  const nanos = Number(integerOf(firstField(bytes, 2) ?? 0n))
  if (seconds === 0n && nanos === 0) return null
  const date = new Date(Number(seconds) * 1000)
  if (Number.isNaN(date.getTime())) throw new ProtobufError('time is out of range')
  const text = date.toISOString().slice(0, -'.000Z'.length)
  if (of === 'Time') return `${text}Z`
  return `${text}.${String(Math.floor(nanos / 1000)).padStart(6, '0')}Z`
}

function decodeIntOrString(bytes: Uint8Array): JSONValue {
  const isText = integerOf(firstField(bytes, 1) ?? 0n) === 1n
  if (isText) return textOf(firstField(bytes, 3) ?? new Uint8Array())
  return Number(BigInt.asIntN(32, integerOf(firstField(bytes, 2) ?? 0n)))
}

function bytesOf(value: WireValue): Uint8Array {
  if (typeof value === 'bigint') throw new ProtobufError('proto: wrong wireType 0')
  return value
}

function integerOf(value: WireValue): bigint {
  if (typeof value !== 'bigint') throw new ProtobufError('proto: wrong wireType 2')
  return value
}

function exactly(value: bigint): number {
  const number = Number(value)
  if (BigInt(number) !== value) throw new ProtobufError(describeRounded(String(value)))
  return number
}

function doubleOf(bytes: Uint8Array): number {
  if (bytes.length !== 8) throw new ProtobufError('proto: wrong wireType')
  return new DataView(bytes.buffer, bytes.byteOffset, 8).getFloat64(0, true)
}

const textOf = (value: WireValue) => Buffer.from(bytesOf(value)).toString('utf8')
