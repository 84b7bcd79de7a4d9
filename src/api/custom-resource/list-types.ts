/** Items that must differ in lists of type set and map. Source: apiextensions-apiserver pkg/apiserver/schema/listtype. */
import { duplicate, type FieldError, invalid } from '../field-error.ts'
import { getKey, isJSONObject, type JSONObject, type JSONValue } from '../json.ts'
import { additionalOf, itemsOf, type JSONSchema, propertyOf } from './json-schema.ts'

const MAX_ERRORS = 1_000

/** One error for each item that is there a second time. */
export function checkListTypes(value: JSONValue, schema: JSONSchema, path = ''): FieldError[] {
  const errors: FieldError[] = []
  collect(value, schema, path, errors)
  return errors
}

function collect(
  value: JSONValue,
  schema: JSONSchema | undefined,
  path: string,
  errors: FieldError[],
): void {
  if (!schema || errors.length >= MAX_ERRORS) return
  if (Array.isArray(value)) {
    const type = schema['x-kubernetes-list-type']
    if (type === 'set') errors.push(...findDuplicates(value, path, value))
    if (type === 'map') errors.push(...checkMap(value, schema, path))
    const items = itemsOf(schema)
    if (items) value.forEach((item, index) => collect(item, items, `${path}[${index}]`, errors))
  } else if (isJSONObject(value)) {
    for (const key of Object.keys(value)) {
      const property = propertyOf(schema, key)
      const at = property ? (path === '' ? key : `${path}.${key}`) : `${path}[${key}]`
      collect(value[key]!, property ?? additionalOf(schema), at, errors)
    }
  }
}

function checkMap(items: readonly JSONValue[], schema: JSONSchema, path: string): FieldError[] {
  const odd = items.findIndex((item) => item !== null && !isJSONObject(item))
  if (odd >= 0) {
    return [
      invalid(`${path}[${odd}]`, items[odd], 'must be an object for an array of list-type map'),
    ]
  }
  const keys = schema['x-kubernetes-list-map-keys'] ?? []
  return findDuplicates(
    items.map((item) => keyOf(item, keys)),
    path,
  )
}

function keyOf(item: JSONValue, keys: readonly string[]): JSONObject {
  const object = isJSONObject(item) ? item : {}
  return Object.fromEntries(
    keys.toSorted().flatMap((key) => {
      const value = getKey(object, key)
      return value === undefined ? [] : [[key, value]]
    }),
  )
}

/** The second of each value that is there several times. */
function findDuplicates(
  values: readonly JSONValue[],
  path: string,
  shown: readonly JSONValue[] = values,
): FieldError[] {
  const times = new Map<string, number>()
  return values.flatMap((value, index) => {
    const text = canonical(value)
    const seen = (times.get(text) ?? 0) + 1
    times.set(text, seen)
    return seen === 2 ? [duplicate(`${path}[${index}]`, shown[index])] : []
  })
}

/** JSON with sorted keys. */
function canonical(value: JSONValue): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`
  if (!isJSONObject(value)) return JSON.stringify(value)
  const pairs = Object.keys(value)
    .sort()
    .map((key) => `${JSON.stringify(key)}:${canonical(value[key]!)}`)
  return `{${pairs.join()}}`
}
