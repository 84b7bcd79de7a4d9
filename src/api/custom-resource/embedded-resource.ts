/** Resources inside of resources. Source: apiextensions-apiserver pkg/apiserver/schema/objectmeta. */
import { type FieldError, formatFieldError, invalid, required } from '../field-error.ts'
import { isJSONObject, type JSONObject, type JSONValue, setKey } from '../json.ts'
import type { ObjectMeta } from '../meta.ts'
import { checkTypeFields } from '../schema/check-fields.ts'
import { isDNS1035Label, isPathSegmentName } from '../validation/names.ts'
import { validateObjectMeta } from '../validation/object-meta.ts'
import { additionalOf, itemsOf, type JSONSchema, propertyOf } from './json-schema.ts'

export interface Coerced {
  readonly value: JSONValue
  readonly unknown: readonly string[]
  readonly typeError?: string
}

/** The value with the metadata of all embedded resources as ObjectMeta has it. */
export function coerceEmbedded(value: JSONValue, schema: JSONSchema): Coerced {
  if (!holdsEmbedded(schema)) return { value, unknown: [] }
  const found: Found = { unknown: [] }
  return { value: coerce(value, schema, '', found), ...found }
}

interface Found {
  readonly unknown: string[]
  typeError?: string
}

const holding = new WeakMap<JSONSchema, boolean>()

/** Whether an embedded resource is anywhere in it: most schemas have none, and need no walk. */
function holdsEmbedded(schema: JSONSchema): boolean {
  let known = holding.get(schema)
  if (known === undefined) {
    const below = [itemsOf(schema), additionalOf(schema), ...Object.values(schema.properties ?? {})]
    known =
      schema['x-kubernetes-embedded-resource'] === true ||
      below.some((one) => one !== undefined && holdsEmbedded(one))
    holding.set(schema, known)
  }
  return known
}

function coerce(
  value: JSONValue,
  schema: JSONSchema | undefined,
  path: string,
  found: Found,
): JSONValue {
  if (!schema || !holdsEmbedded(schema)) return value
  if (Array.isArray(value)) {
    const items = itemsOf(schema)
    return value.map((item, index) => coerce(item, items, `${path}[${index}]`, found))
  }
  if (!isJSONObject(value)) return value
  const coerced: JSONObject = {}
  for (const [key, item] of Object.entries(value)) {
    const at = path === '' ? key : `${path}.${key}`
    const below = propertyOf(schema, key) ?? additionalOf(schema)
    const isMeta = schema['x-kubernetes-embedded-resource'] === true
    setKey(
      coerced,
      key,
      (isMeta && coerceMeta(key, item, at, found)) || coerce(item, below, at, found),
    )
  }
  return coerced
}

function coerceMeta(
  key: string,
  value: JSONValue,
  path: string,
  found: Found,
): JSONValue | undefined {
  if ((key === 'apiVersion' || key === 'kind') && typeof value !== 'string')
    found.typeError ??= formatFieldError(invalid(path, value, 'must be a string'))
  if (key !== 'metadata') return undefined
  const { object, unknown, typeError } = checkTypeFields('meta.v1.ObjectMeta', value)
  found.unknown.push(...unknown.map((field) => `${path}.${field}`))
  if (typeError) found.typeError ??= formatFieldError(invalid(path, value, typeError))
  return object
}

export function validateEmbedded(value: JSONValue, schema: JSONSchema, path = ''): FieldError[] {
  if (!holdsEmbedded(schema)) return []
  if (Array.isArray(value)) {
    const items = itemsOf(schema)
    return items
      ? value.flatMap((item, index) => validateEmbedded(item, items, `${path}[${index}]`))
      : []
  }
  if (!isJSONObject(value)) return []
  const own = schema['x-kubernetes-embedded-resource'] ? validateMeta(value, path) : []
  const below = Object.entries(value).flatMap(([key, item]) => {
    const property = propertyOf(schema, key)
    const under = property ?? additionalOf(schema)
    const at = property ? (path === '' ? key : `${path}.${key}`) : `${path}[${key}]`
    return under ? validateEmbedded(item, under, at) : []
  })
  return [...own, ...below]
}

function validateMeta(resource: JSONObject, path: string): FieldError[] {
  const { apiVersion, kind, metadata } = resource
  const at = (field: string) => (path === '' ? field : `${path}.${field}`)
  return [
    ...(apiVersion === undefined ? [required(at('apiVersion'))] : []),
    ...(kind === undefined ? [required(at('kind'))] : []),
    ...(typeof apiVersion === 'string' ? checkAPIVersion(apiVersion, at('apiVersion')) : []),
    ...(typeof kind === 'string' ? checkKind(kind, at('kind')) : []),
    ...(isJSONObject(metadata) ? checkMetadata(metadata, at('metadata')) : []),
  ]
}

function checkAPIVersion(value: string, field: string): FieldError[] {
  if (value === '') return [invalid(field, value, 'must not be empty')]
  return value.split('/').length > 2
    ? [invalid(field, value, `unexpected GroupVersion string: ${value}`)]
    : []
}

function checkKind(value: string, field: string): FieldError[] {
  if (value === '') return [invalid(field, value, 'must not be empty')]
  const errors = isDNS1035Label(value.toLowerCase())
  const what = `may have mixed case, but should otherwise match: ${errors.join(',')}`
  return errors.length > 0 ? [invalid(field, value, what)] : []
}

function checkMetadata(metadata: JSONObject, field: string): FieldError[] {
  const meta = { ...metadata, name: metadata.name || 'fakename' } as unknown as ObjectMeta // coerceMeta() saw that it is one
  const rules = { namespaced: Boolean(meta.namespace), name: isPathSegmentName }
  return validateObjectMeta(meta, rules).map((error) => ({
    ...error,
    field: error.field.replace(/^metadata/, field),
  }))
}
