/** Parts of our own OpenAPI v3 documents as version 2 writes them. Source: swagger.io/specification/v2. */
import { isJSONObject, type JSONObject, type JSONValue } from '../json.ts'

/** `#/components/schemas/…` becomes `#/definitions/…`. */
export function toDefinitions(schemas: JSONObject): JSONObject {
  return mapValues(schemas, toSchemaV2)
}

function toSchemaV2(schema: JSONObject): JSONObject {
  // Upstream leaves defaults and enums to version 3 (kube-openapi, schemaconv; swagger.json v1.35 has neither).
  const { allOf, oneOf, $ref, items, properties, additionalProperties, ...all } = schema
  const { default: _default, enum: _enum, ...rest } = all
  const [only] = Array.isArray(allOf) ? allOf : []
  return {
    ...(isJSONObject(only) ? toSchemaV2(only) : {}),
    // Version 2 has no oneOf: upstream calls a Quantity and an IntOrString strings.
    ...(oneOf ? { type: 'string' } : {}),
    ...(typeof $ref === 'string'
      ? { $ref: $ref.replace('/components/schemas/', '/definitions/') }
      : {}),
    ...(isJSONObject(items) ? { items: toSchemaV2(items) } : {}),
    ...(isJSONObject(properties) ? { properties: mapValues(properties, toSchemaV2) } : {}),
    ...(isJSONObject(additionalProperties)
      ? { additionalProperties: toSchemaV2(additionalProperties) }
      : {}),
    ...rest,
  }
}

export function toPathsV2(paths: JSONObject): JSONObject {
  return mapValues(paths, (path) =>
    Object.fromEntries(
      Object.entries(path).map(([key, value]) => [
        key,
        Array.isArray(value) ? value.map(toParameterV2) : toOperationV2(value as JSONObject),
      ]),
    ),
  )
}

/** Bodies are parameters here, and media types belong to the operation. */
function toOperationV2(operation: JSONObject): JSONObject {
  const { parameters = [], requestBody, responses, ...rest } = operation
  const sent = contentOf(requestBody)
  const received = mapValues(responses as JSONObject, (response) => ({
    description: response.description!,
    ...(contentOf(response) ? { schema: contentOf(response)!.schema } : {}),
  }))
  const { required } = (requestBody ?? {}) as JSONObject
  const body = sent && {
    in: 'body',
    name: 'body',
    ...(required ? { required } : {}),
    schema: sent.schema,
  }
  return {
    ...rest,
    schemes: ['https'],
    consumes: sent?.types ?? ['*/*'],
    produces: contentOf((responses as JSONObject)['200'])?.types ?? ['application/json'],
    ...(body || (parameters as JSONValue[]).length > 0
      ? { parameters: [...(body ? [body] : []), ...(parameters as JSONValue[]).map(toParameterV2)] }
      : {}),
    responses: received,
  }
}

function toParameterV2(parameter: JSONValue): JSONObject {
  const { schema, ...rest } = parameter as JSONObject // paths.ts makes nothing else
  return { ...rest, ...(schema as JSONObject) }
}

interface Content {
  readonly types: string[]
  readonly schema: JSONObject
}

/** The media types of a body or an answer, and the schema that all of them share. */
function contentOf(holder: JSONValue | undefined): Content | undefined {
  if (!isJSONObject(holder) || !isJSONObject(holder.content)) return undefined
  const { content } = holder
  const types = Object.keys(content)
  const { schema } = content[types[0]!] as JSONObject
  return { types, schema: toSchemaV2(schema as JSONObject) }
}

function mapValues(object: JSONObject, change: (value: JSONObject) => JSONObject): JSONObject {
  return Object.fromEntries(
    Object.entries(object).map(([key, value]) => [key, change(value as JSONObject)]),
  )
}
