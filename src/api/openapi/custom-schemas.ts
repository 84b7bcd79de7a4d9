/** Custom resources in OpenAPI documents. Source: apiextensions-apiserver pkg/controller/openapi/builder. */
import type { JSONSchema } from '../custom-resource/json-schema.ts'
import { isJSONObject, type JSONObject, type JSONValue } from '../json.ts'
import type { KindSpec } from '../kinds/kind-spec.ts'
import { schemaTypeOf } from '../schema/schema.ts'
import { CUSTOM, referTo } from './component-schemas.ts'

/** `com.example.stable.v1.CronTab` of group `stable.example.com`. */
export function customTypeName({ resource }: KindSpec, kind = resource.kind): string {
  return [...resource.group.split('.').reverse(), resource.version, kind].join('.')
}

/** What planOperation() calls the type of a kind. */
export function typeNameOf(spec: KindSpec): string {
  const { custom } = spec.resource
  return custom ? CUSTOM + customTypeName(spec) : schemaTypeOf(spec.resource)!.name
}

export function listTypeNameOf(spec: KindSpec): string {
  const { custom } = spec.resource
  return custom ? CUSTOM + customTypeName(spec, custom.listKind) : `${typeNameOf(spec)}List`
}

const inText = { type: 'string' }

/** The schemas of all custom kinds among these, and of their lists. */
export function planCustomSchemas(kinds: readonly KindSpec[]): JSONObject {
  const schemas = kinds.flatMap((kind) => {
    const { custom, group, version } = kind.resource
    if (!custom) return []
    const { listKind, schema } = custom
    const gvk = (name: string) => [{ group, kind: name, version }]
    const name = customTypeName(kind)
    return [
      [name, describeResource(schema, gvk(kind.resource.kind))],
      [customTypeName(kind, listKind), describeList(name, gvk(listKind))],
    ] as const
  })
  return Object.fromEntries(schemas.toSorted(([a], [b]) => (a < b ? -1 : 1)))
}

function describeResource(schema: JSONSchema, gvk: JSONObject[]): JSONObject {
  const own = schema as unknown as JSONObject // came from JSON
  const properties = isJSONObject(own.properties) ? own.properties : {}
  return {
    ...own,
    properties: {
      ...properties,
      apiVersion: inText,
      kind: inText,
      metadata: { allOf: [referTo('meta.v1.ObjectMeta')] },
    },
    'x-kubernetes-group-version-kind': gvk,
  }
}

const describeList = (name: string, gvk: JSONObject[]): JSONObject => ({
  type: 'object',
  required: ['items'],
  properties: {
    apiVersion: inText,
    kind: inText,
    metadata: { allOf: [referTo('meta.v1.ListMeta')] },
    items: { type: 'array', items: { $ref: `#/components/schemas/${name}` } },
  },
  'x-kubernetes-group-version-kind': gvk,
})

/** What version 2 does not know, or kubectl would misread. */
const ONLY_IN_V3 = new Set(['allOf', 'anyOf', 'oneOf', 'not', 'nullable', 'default', 'example'])

/** The schema of a custom resource as version 2 may have it: upstream's ToStructuralOpenAPIV2. */
export function withoutV3(schema: JSONValue): JSONValue {
  if (!isJSONObject(schema)) return schema
  // A client would refuse null where version 2 says a type, and cannot tell an integer from a string.
  const isOpen = schema.nullable === true || schema['x-kubernetes-int-or-string'] === true
  const kept = Object.entries(schema).filter(
    ([key, value]) =>
      (!ONLY_IN_V3.has(key) || isReference(key, value)) &&
      !(isOpen && /^(type|items|properties|additionalProperties|required)$/.test(key)),
  )
  return Object.fromEntries(kept.map(([key, value]) => [key, below(key, value)]))
}

const isReference = (key: string, value: JSONValue) =>
  key === 'allOf' && Array.isArray(value) && isJSONObject(value[0]) && '$ref' in value[0]

function below(key: string, value: JSONValue): JSONValue {
  if (key === 'items' || key === 'additionalProperties') return withoutV3(value)
  if (key !== 'properties' || !isJSONObject(value)) return value
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, withoutV3(one)]))
}
