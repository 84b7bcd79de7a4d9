import { getKey, isJSONObject, type JSONObject, type JSONValue } from '../json.ts'
import { type Field, isStruct, JSON_SCHEMA, type SchemaType, schemaType } from '../schema/schema.ts'
import { Writer } from './writer.ts'

/** A message as Go writes it: in order of numbers, maps by key, and what is no pointer also when it is zero. */
export function encodeMessage(type: SchemaType, object: JSONObject): Uint8Array {
  const writer = new Writer()
  for (const field of type.fields) {
    if (field.number === 0) continue
    if (field.inline) {
      writer.bytes(field.number, encodeMessage(schemaType(field.type.of), object))
      continue
    }
    const value = getKey(object, field.name) ?? null
    if (value !== null) encodeField(writer, field, value)
    else if (!field.pointer && field.type.shape === 'one') encodeZero(writer, field)
  }
  return writer.finish()
}

function encodeField(writer: Writer, { number, type }: Field, value: JSONValue): void {
  if (type.shape === 'one') encodeOne(writer, number, type.of, value)
  else if (type.shape === 'list') {
    for (const item of value as JSONValue[]) encodeOne(writer, number, type.of, item)
  } else {
    const map = value as JSONObject
    for (const key of Object.keys(map).sort()) {
      const entry = new Writer()
      entry.string(1, key)
      encodeOne(entry, 2, type.of, getKey(map, key)!)
      writer.bytes(number, entry.finish())
    }
  }
}

function encodeZero(writer: Writer, { number, type: { of } }: Field): void {
  if (isStruct(of)) writer.bytes(number, encodeMessage(schemaType(of), {}))
  else if (of === 'Time' || of === 'MicroTime') writer.bytes(number, new Uint8Array())
  else if (of === 'RawExtension') writer.bytes(number, new Uint8Array())
  else if (of === 'bool' || of === 'int32' || of === 'int64') writer.varint(number, 0)
  else if (of === 'double') writer.double(number, 0)
  else if (of === 'IntOrString') encodeOne(writer, number, of, 0)
  else if (of === 'string') writer.string(number, '')
}

function encodeOne(writer: Writer, number: number, of: string, value: JSONValue): void {
  if (isStruct(of)) {
    writer.bytes(number, encodeMessage(schemaType(of), value as JSONObject))
    return
  }
  switch (of) {
    case 'bool':
      writer.varint(number, value ? 1 : 0)
      break
    case 'int32':
    case 'int64':
      writer.varint(number, value as number)
      break
    case 'double':
      writer.double(number, value as number)
      break
    case 'bytes':
      writer.bytes(number, Buffer.from(value as string, 'base64'))
      break
    case 'Time':
    case 'MicroTime':
      writer.bytes(number, value === null ? new Uint8Array() : encodeTime(value as string))
      break
    case 'Quantity':
      writer.bytes(number, wrapText(1, String(value)))
      break
    case 'IntOrString':
      writer.bytes(number, encodeIntOrString(value as string | number))
      break
    case '[]string': {
      const list = new Writer()
      for (const item of value as string[]) list.string(1, item)
      writer.bytes(number, list.finish())
      break
    }
    case 'JSONSchemaPropsOrBool':
    case 'JSONSchemaPropsOrArray':
    case 'JSONSchemaPropsOrStringArray':
      writer.bytes(number, encodeSchemaOr(of, value))
      break
    case 'JSON':
    case 'RawExtension':
    case 'FieldsV1':
      writer.bytes(number, wrapText(1, JSON.stringify(value)))
      break
    default:
      writer.string(number, value as string)
  }
}

/** apiextensions/v1 generated.proto: a schema, or something simpler. */
function encodeSchemaOr(of: string, value: JSONValue): Uint8Array {
  const writer = new Writer()
  const orBool = of === 'JSONSchemaPropsOrBool'
  const schema = isJSONObject(value) ? value : undefined
  if (orBool) writer.varint(1, schema || value === true ? 1 : 0)
  if (schema) encodeOne(writer, orBool ? 2 : 1, JSON_SCHEMA, schema)
  const item = of === 'JSONSchemaPropsOrArray' ? JSON_SCHEMA : 'string'
  for (const one of Array.isArray(value) ? value : []) encodeOne(writer, 2, item, one)
  return writer.finish()
}

function wrapText(number: number, text: string): Uint8Array {
  const writer = new Writer()
  writer.string(number, text)
  return writer.finish()
}

/** Microseconds are read from the text: a Date holds only milliseconds. */
function encodeTime(text: string): Uint8Array {
  const writer = new Writer()
  const fraction = /\.(\d+)/.exec(text)?.[1] ?? ''
  writer.varint(1, Math.floor(Date.parse(text.replace(/\.\d+/, '')) / 1000))
  writer.varint(2, Number(fraction.padEnd(9, '0').slice(0, 9)))
  return writer.finish()
}

function encodeIntOrString(value: string | number): Uint8Array {
  const writer = new Writer()
  const isText = typeof value === 'string'
  writer.varint(1, isText ? 1 : 0)
  writer.varint(2, isText ? 0 : value)
  writer.string(3, isText ? value : '')
  return writer.finish()
}
