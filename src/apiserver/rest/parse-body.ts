import { isUtf8 } from 'node:buffer'
import { isJSONObject, type JSONObject, type JSONValue } from '#api/json.ts'
import type { ServedResource } from '#api/kinds/kind-spec.ts'
import { explainSyntaxError } from '#api/schema/json-syntax.ts'
import { parseJSONStrict, type StrictJSON } from '#api/schema/parse-json-strict.ts'
import { describeJSON } from '#api/schema/scalars.ts'
import type { StrictFindings } from '#api/schema/strict-errors.ts'
import { badRequest, StatusError, unsupportedMediaType } from '#api/status.ts'
import { parseMediaType } from '../http/media-type.ts'

export interface ParsedBody extends StrictFindings {
  readonly value: JSONObject
  /** By path, numbers as they were written. */
  readonly numbers?: ReadonlyMap<string, string>
}

const PROTOBUF = 'application/vnd.kubernetes.protobuf'
const TEXTUAL = ['application/json', 'application/yaml']
const ACCEPTED = [...TEXTUAL, PROTOBUF]

/**
 * Parses an object in any of the formats that clients send. @throws StatusError 400, 415
 * @param resource what the body should be of, for messages; without it they are about options
 */
export async function parseBody(
  body: Buffer,
  contentType: string,
  resource?: Pick<ServedResource, 'kind' | 'custom'>,
): Promise<ParsedBody> {
  const { type } = parseMediaType(contentType || 'application/json')
  // Go's types would be needed to read protobuf.
  const accepted = resource?.custom ? TEXTUAL : ACCEPTED
  if (!accepted.includes(type)) throw unsupportedMediaType(accepted)
  try {
    if (type === 'application/json') return parseJSONBody(body)
    if (type === 'application/yaml') return await parseYAMLBody(body)
    if (body.length === 0) throw badRequest('empty data')
    const { decodeProtobuf } = await import('#api/protobuf/protobuf.ts')
    return { value: decodeProtobuf(body), duplicates: [] }
  } catch (error) {
    if (!resource || !(error instanceof StatusError)) throw error
    // apiserver endpoints/handlers/rest.go, transformDecodeError
    const why = `${error.message} (${summarize(body)})`
    throw badRequest(
      `the object provided is unrecognized (must be of type ${resource.kind}): ${why}`,
    )
  }
}

const MAX_SHOWN_BYTES = 30

function summarize(body: Buffer): string {
  if (body.length === 0) return '<empty>'
  const isText = body[0] === 0x7b // an opening brace
  const shown = body.toString(isText ? 'utf8' : 'hex', 0, MAX_SHOWN_BYTES)
  return body.length > MAX_SHOWN_BYTES ? `${shown} ...` : shown
}

export function parseJSONBody(body: Buffer): ParsedBody {
  const parsed = parseJSON(body)
  return { ...parsed, value: asObject(parsed.value) }
}

function parseJSON(body: Buffer): StrictJSON {
  const text = body.toString('utf8')
  try {
    return parseJSONStrict(text)
  } catch (cause) {
    throw badRequest(
      `couldn't get version/kind; json parse error: ${explainSyntaxError(cause, body)}`,
    )
  }
}

async function parseYAMLBody(body: Buffer): Promise<ParsedBody> {
  const { parseYAML } = await import('./parse-yaml.ts')
  // goyaml.v2 readerc.go
  if (!isUtf8(body)) throw badRequest('yaml: invalid leading UTF-8 octet')
  try {
    const { value, strictErrors } = await parseYAML(body.toString('utf8'))
    return { value: asObject(value), duplicates: [], strictErrors }
  } catch (cause) {
    throw cause instanceof Error && cause.name === 'YAMLError' ? badRequest(cause.message) : cause
  }
}

/** An object with the header of one; null is an empty one. */
function asObject(value: JSONValue): JSONObject {
  const refuse = (why: string) => {
    const what = `json: cannot unmarshal ${why}`
    return badRequest(`couldn't get version/kind; json parse error: ${what}`)
  }
  if (value === null) return {}
  if (!isJSONObject(value)) {
    const struct =
      'struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }'
    throw refuse(`${describeJSON(value)} into Go value of type ${struct}`)
  }
  for (const field of ['apiVersion', 'kind']) {
    const given = value[field]
    if (given === undefined || given === null || typeof given === 'string') continue
    throw refuse(`${describeJSON(given)} into Go struct field .${field} of type string`)
  }
  const { apiVersion } = value
  if (typeof apiVersion === 'string' && apiVersion.split('/').length > 2) {
    throw badRequest(`unexpected GroupVersion string: ${apiVersion}`)
  }
  return value
}
