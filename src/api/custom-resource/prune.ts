/** Source: apiextensions-apiserver pkg/apiserver/schema/pruning/algorithm.go. */
import { isJSONObject, type JSONObject, type JSONValue, setKey } from '../json.ts'
import { additionalOf, itemsOf, type JSONSchema, META_FIELDS, propertyOf } from './json-schema.ts'

// sigs.k8s.io/json stops counting there for built-in kinds.
const MAX_UNKNOWN = 100

interface Pruning {
  /** Paths of what was dropped, where somebody wants to know: `spec.foo`, `spec.ports[0].foo`. */
  readonly unknown: string[] | undefined
}

/** The resource without the fields that its schema does not have. apiVersion, kind and metadata stay. */
export function pruneResource(
  object: JSONObject,
  schema: JSONSchema,
  unknown?: string[],
): JSONObject {
  const root = { ...schema, 'x-kubernetes-embedded-resource': true }
  return prune(object, root, '', { unknown }) as JSONObject // an object stays one
}

/** A value inside a resource, pruned. */
export function pruneValue(value: JSONValue, schema: JSONSchema | undefined): JSONValue {
  return prune(value, schema, '', { unknown: undefined })
}

function prune(
  value: JSONValue,
  schema: JSONSchema | undefined,
  path: string,
  pruning: Pruning,
): JSONValue {
  const keepsUnknown = schema?.['x-kubernetes-preserve-unknown-fields'] === true
  if (Array.isArray(value)) {
    const items = schema && itemsOf(schema)
    if (keepsUnknown && !items) return value
    return value.map((item, index) => {
      const at = pruning.unknown ? `${path}[${index}]` : ''
      // The items of a list that keeps what it does not know, keep it too.
      return keepsUnknown && items
        ? pruneKnown(item, items, at, pruning)
        : prune(item, items, at, pruning)
    })
  }
  if (!isJSONObject(value)) return value
  return schema && keepsUnknown
    ? pruneKnown(value, schema, path, pruning)
    : pruneObject(value, schema, path, pruning)
}

function pruneObject(
  object: JSONObject,
  schema: JSONSchema | undefined,
  path: string,
  pruning: Pruning,
): JSONObject {
  const pruned: JSONObject = {}
  for (const [key, value] of Object.entries(object)) {
    const at = pruning.unknown ? childPath(path, key) : ''
    if (schema?.['x-kubernetes-embedded-resource'] && META_FIELDS.has(key)) {
      setKey(pruned, key, value)
      continue
    }
    const property = schema && propertyOf(schema, key)
    if (property) setKey(pruned, key, prune(value, property, at, pruning))
    else if (schema?.additionalProperties !== undefined && schema.additionalProperties !== false)
      setKey(pruned, key, prune(value, additionalOf(schema), at, pruning))
    else if (pruning.unknown && pruning.unknown.length < MAX_UNKNOWN) pruning.unknown.push(at)
  }
  return pruned
}

/** Only what the schema names is pruned, everything else stays. */
function pruneKnown(
  value: JSONValue,
  schema: JSONSchema,
  path: string,
  pruning: Pruning,
): JSONValue {
  if (Array.isArray(value)) {
    const items = itemsOf(schema)
    if (!items) return value
    return value.map((item, index) => pruneKnown(item, items, `${path}[${index}]`, pruning))
  }
  if (!isJSONObject(value)) return value
  const kept: JSONObject = {}
  for (const [key, item] of Object.entries(value)) {
    const property = propertyOf(schema, key)
    const isMeta = schema['x-kubernetes-embedded-resource'] && META_FIELDS.has(key)
    const isPruned = !isMeta && (property ?? schema.additionalProperties) !== undefined
    const at = pruning.unknown ? childPath(path, key) : ''
    setKey(kept, key, isPruned ? prune(item, property ?? additionalOf(schema), at, pruning) : item)
  }
  return kept
}

const childPath = (path: string, key: string) => (path === '' ? key : `${path}.${key}`)
