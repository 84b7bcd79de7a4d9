/** What a part of an object was before an update, and whether it changed. Source: apiserver pkg/cel/common/equality.go. */
import { equalJSON, getKey, isJSONObject, type JSONValue } from '../../json.ts'
import { additionalOf, itemsOf, type JSONSchema, propertyOf } from '../json-schema.ts'

export class Correlated {
  readonly #value: JSONValue
  readonly #old: JSONValue
  readonly #schema: JSONSchema
  #isSame: boolean | undefined

  constructor(value: JSONValue, old: JSONValue, schema: JSONSchema) {
    this.#value = value
    this.#old = old
    this.#schema = schema
  }

  get isUnchanged(): boolean {
    this.#isSame ??= isSame(this.#value, this.#old, this.#schema)
    return this.#isSame
  }

  key(name: string): Correlated | undefined {
    if (!isJSONObject(this.#value) || !isJSONObject(this.#old)) return undefined
    const [value, old] = [getKey(this.#value, name), getKey(this.#old, name)]
    const schema = propertyOf(this.#schema, name) ?? additionalOf(this.#schema)
    if (value === undefined || old === undefined || !schema) return undefined
    return new Correlated(value, old, schema)
  }

  item(index: number): Correlated | undefined {
    const items = itemsOf(this.#schema)
    if (!Array.isArray(this.#value) || !items) return undefined
    const value = this.#value[index]
    const old = value === undefined ? undefined : itemsByKey(this.#old, this.#schema)(value)
    return old === undefined || value === undefined ? undefined : new Correlated(value, old, items)
  }
}

/** Finds what an item was: only lists of type map know it. */
export function itemsByKey(
  old: JSONValue | undefined,
  schema: JSONSchema,
): (item: JSONValue) => JSONValue | undefined {
  if (!Array.isArray(old) || schema['x-kubernetes-list-type'] !== 'map') return () => undefined
  const keys = schema['x-kubernetes-list-map-keys'] ?? []
  const keyOf = (item: JSONValue) =>
    isJSONObject(item) ? JSON.stringify(keys.map((key) => getKey(item, key) ?? null)) : ''
  let held = indexed.get(old)
  if (!held) {
    held = new Map()
    for (const item of old) if (!held.has(keyOf(item))) held.set(keyOf(item), item)
    indexed.set(old, held)
  }
  const known = held
  return (item) => known.get(keyOf(item))
}

/** For as long as the old object is there. */
const indexed = new WeakMap<JSONValue[], Map<string, JSONValue>>()

/** Equal as far as the schema sees: what it does not know counts as changed, as upstream has it. */
function isSame(value: JSONValue, old: JSONValue, schema: JSONSchema): boolean {
  if (Array.isArray(value) && Array.isArray(old)) {
    if (value.length !== old.length) return false
    const items = itemsOf(schema)
    if (schema['x-kubernetes-list-type'] !== 'map' || !items) return equalJSON(value, old)
    const before = itemsByKey(old, schema)
    return value.every((item) => {
      const was = before(item)
      return was !== undefined && isSame(item, was, items)
    })
  }
  if (!isJSONObject(value) || !isJSONObject(old)) return equalJSON(value, old)
  const names = Object.keys(value)
  if (names.length !== Object.keys(old).length) return false
  return names.every((name) => {
    const was = getKey(old, name)
    const below = propertyOf(schema, name) ?? additionalOf(schema)
    return was !== undefined && below !== undefined && isSame(getKey(value, name)!, was, below)
  })
}
