/**
 * Kubernetes' protobuf bodies: four magic bytes, then runtime.Unknown, which names the kind and holds its message.
 * Source: apimachinery pkg/runtime/serializer/protobuf.
 */
import type { JSONObject } from '../json.ts'
import { type SchemaType, schemaTypeOf } from '../schema/schema.ts'
import { badRequest } from '../status.ts'
import { decodeMessage } from './decode.ts'
import { encodeMessage } from './encode.ts'
import { ProtobufError, readFields } from './reader.ts'
import { Writer } from './writer.ts'

const magic = Uint8Array.of(0x6b, 0x38, 0x73, 0) // k8s\0

/** Decodes an envelope to the object's JSON form. @throws StatusError 400 */
export function decodeProtobuf(bytes: Uint8Array): JSONObject {
  if (magic.some((byte, index) => bytes[index] !== byte)) {
    throw badRequest(
      'provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]',
    )
  }
  try {
    const { apiVersion, kind, raw } = readEnvelope(bytes.subarray(magic.length))
    const object = decodeMessage(typeOf(apiVersion, kind), raw)
    return { kind, apiVersion, ...object }
  } catch (error) {
    if (error instanceof ProtobufError) throw badRequest(error.message)
    throw error
  }
}

/** Encodes an object with apiVersion and kind. @throws StatusError 400 where the schema does not have its kind */
export function encodeProtobuf(object: JSONObject): Uint8Array {
  const { apiVersion, kind } = object
  const message = encodeMessage(typeOf(String(apiVersion), String(kind)), object)
  const typeMeta = new Writer()
  typeMeta.string(1, String(apiVersion))
  typeMeta.string(2, String(kind))
  const unknown = new Writer()
  unknown.bytes(1, typeMeta.finish())
  unknown.bytes(2, message)
  unknown.string(3, '') // contentEncoding
  unknown.string(4, '') // contentType
  return Buffer.concat([magic, unknown.finish()])
}

/** Whether the schema has the kind that the object says it is. */
export const canEncode = ({ apiVersion, kind }: JSONObject): boolean =>
  findType(String(apiVersion), String(kind)) !== undefined

function findType(apiVersion: string, kind: string): SchemaType | undefined {
  const [version, group = ''] = apiVersion.split('/').reverse()
  return schemaTypeOf({ group, version: version!, kind })
}

function typeOf(apiVersion: string, kind: string): SchemaType {
  const type = findType(apiVersion, kind)
  if (type) return type
  throw badRequest(
    `no kind ${JSON.stringify(kind)} is registered for version ${JSON.stringify(apiVersion)}`,
  )
}

interface Envelope {
  readonly apiVersion: string
  readonly kind: string
  readonly raw: Uint8Array
}

function readEnvelope(bytes: Uint8Array): Envelope {
  const text = (value: Uint8Array) => Buffer.from(value).toString('utf8')
  let [apiVersion, kind, raw] = ['', '', new Uint8Array()]
  for (const { number, value } of readFields(bytes)) {
    if (typeof value === 'bigint') throw new ProtobufError('proto: wrong wireType 0')
    if (number === 1) {
      for (const field of readFields(value)) {
        if (typeof field.value === 'bigint') throw new ProtobufError('proto: wrong wireType 0')
        if (field.number === 1) apiVersion = text(field.value)
        else if (field.number === 2) kind = text(field.value)
      }
    } else if (number === 2) raw = value as Uint8Array<ArrayBuffer>
  }
  return { apiVersion, kind, raw }
}
