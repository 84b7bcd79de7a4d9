/** Source: apiextensions-apiserver pkg/apiserver/schema/defaulting/{algorithm,prunenulls}.go. */
import { isJSONObject, type JSONObject, type JSONValue, setKey } from '../json.ts'
import {
  additionalOf,
  isNonNullableNull,
  itemsOf,
  type JSONSchema,
  propertyOf,
} from './json-schema.ts'

/**
 * The value with the defaults of its schema, also in place of nulls that may not be; nulls that may not be and have no
 * default are dropped. A new value where anything changes.
 */
export function applyDefaults(value: JSONValue, schema: JSONSchema | undefined): JSONValue {
  if (!schema) return value
  if (Array.isArray(value)) {
    const items = itemsOf(schema)
    return value.map((item) => applyDefaults(defaultFor(item, items) ?? item, items))
  }
  return isJSONObject(value) ? defaultObject(value, schema) : value
}

function defaultObject(object: JSONObject, schema: JSONSchema): JSONObject {
  const defaulted: JSONObject = {}
  for (const [key, value] of Object.entries(object)) {
    const below = propertyOf(schema, key) ?? additionalOf(schema)
    const filled = defaultFor(value, below) ?? value
    if (isNonNullableNull(filled, below)) continue
    setKey(defaulted, key, applyDefaults(filled, below))
  }
  for (const [key, property] of Object.entries(schema.properties ?? {})) {
    if (property.default === undefined || Object.hasOwn(defaulted, key)) continue
    setKey(defaulted, key, applyDefaults(structuredClone(property.default), property))
  }
  return defaulted
}

function defaultFor(value: JSONValue, schema: JSONSchema | undefined): JSONValue | undefined {
  if (!isNonNullableNull(value, schema) || schema?.default === undefined) return undefined
  return structuredClone(schema.default)
}
