import { isJSONObject, type JSONObject, type JSONValue } from '#api/json.ts'
import type { ServedResource } from '#api/kinds/kind-spec.ts'
import { parseJSONStrict } from '#api/schema/parse-json-strict.ts'
import { badRequest, unsupportedMediaType } from '#api/status.ts'
import { parseMediaType } from '../http/media-type.ts'

export interface ParsedBody {
  readonly value: JSONObject
  /** Paths of keys given twice. */
  readonly duplicates: readonly string[]
}

const PROTOBUF = 'application/vnd.kubernetes.protobuf'
const TEXTUAL = ['application/json', 'application/yaml']
const ACCEPTED = [...TEXTUAL, PROTOBUF]

/** Parses an object in any of the formats that clients send. @throws StatusError 400, 415 */
export async function parseBody(
  body: Buffer,
  contentType: string,
  resource?: ServedResource,
): Promise<ParsedBody> {
  switch (parseMediaType(contentType || 'application/json').type) {
    case 'application/json':
      return parseJSONBody(body)
    case 'application/yaml':
      return parseYAMLBody(body)
    case PROTOBUF: {
      // Go's types for them would be needed.
      if (resource?.custom) throw unsupportedMediaType(TEXTUAL)
      const { decodeProtobuf } = await import('#api/protobuf/protobuf.ts')
      return { value: decodeProtobuf(body), duplicates: [] }
    }
    default:
      throw unsupportedMediaType(resource?.custom ? TEXTUAL : ACCEPTED)
  }
}

export function parseJSONBody(body: Buffer): ParsedBody {
  const { value, duplicates } = parseJSON(body)
  return { value: asObject(value, body), duplicates }
}

export function parseJSON(body: Buffer): { value: JSONValue; duplicates: readonly string[] } {
  try {
    return parseJSONStrict(body.toString('utf8'))
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause
    throw badRequest(`couldn't get version/kind; json parse error: ${cause.message}`)
  }
}

async function parseYAMLBody(body: Buffer): Promise<ParsedBody> {
  const { parseDocument } = await import('yaml')
  const document = parseDocument(body.toString('utf8'), { uniqueKeys: false })
  const [error] = document.errors
  if (error)
    throw badRequest(`error converting YAML to JSON: yaml: ${error.message.split('\n')[0]}`)
  let value: unknown
  try {
    value = document.toJS({ maxAliasCount: 100 })
  } catch (cause) {
    throw badRequest(`error converting YAML to JSON: yaml: ${(cause as Error).message}`)
  }
  return { value: asObject(value, body), duplicates: [] }
}

function asObject(value: unknown, body: Buffer): JSONObject {
  if (isJSONObject(value)) return value
  const start = body.toString('utf8', 0, 30)
  throw badRequest(
    `couldn't get version/kind; json parse error: json: cannot unmarshal ${kindOf(value)} into Go value of type struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" } (${start})`,
  )
}

function kindOf(value: unknown): string {
  if (Array.isArray(value)) return 'array'
  return typeof value === 'boolean' ? 'bool' : typeof value
}
