/**
 * Custom resources as server-side apply takes them apart: by the structural schema of their definition, and by what a
 * value looks like where the schema says nothing. Source: kube-openapi pkg/schemaconv, structured-merge-diff
 * (the "deduced" type).
 */
import {
  additionalOf,
  itemsOf,
  type JSONSchema,
  META_FIELDS,
  propertyOf,
} from '../custom-resource/json-schema.ts'
import { getKey, isJSONObject, type JSONObject, type JSONValue } from '../json.ts'
import type { Child, NodeType } from './node.ts'

export interface Structural {
  /** Undefined: maps are taken apart, lists are wholes. */
  readonly schema: JSONSchema | undefined
  readonly isResource: boolean
}

export const resourceNode = (schema: JSONSchema): NodeType => node(schema, true)

function node(schema: JSONSchema | undefined, isResource = false): NodeType {
  const isEmbedded = schema?.['x-kubernetes-embedded-resource'] === true
  return { shape: 'one', of: '', structural: { schema, isResource: isResource || isEmbedded } }
}

/** The parts of a value; undefined where it is a whole. */
export function structuralChildren(
  value: JSONValue,
  { schema, isResource }: Structural,
): Child[] | undefined {
  if (Array.isArray(value)) return schema && childrenOfList(value, schema)
  if (!isJSONObject(value) || schema?.['x-kubernetes-map-type'] === 'atomic') return undefined
  return Object.keys(value).flatMap((key) => {
    const type = isResource ? metaType(key) : undefined
    const below = type ?? typeBelow(schema, key)
    return below ? [{ element: `f:${key}`, value: getKey(value, key)!, type: below }] : []
  })
}

function metaType(key: string): NodeType | undefined {
  if (!META_FIELDS.has(key)) return undefined
  return { shape: 'one', of: key === 'metadata' ? 'meta.v1.ObjectMeta' : 'string' }
}

function typeBelow(schema: JSONSchema | undefined, key: string): NodeType | undefined {
  if (!schema) return node(undefined)
  const below = propertyOf(schema, key) ?? additionalOf(schema)
  if (below) return node(below)
  const isOpen =
    schema.additionalProperties === true || schema['x-kubernetes-preserve-unknown-fields']
  return isOpen ? node(undefined) : undefined
}

function childrenOfList(items: readonly JSONValue[], schema: JSONSchema): Child[] | undefined {
  const listType = schema['x-kubernetes-list-type']
  const keys = schema['x-kubernetes-list-map-keys'] ?? []
  if (listType !== 'map' && listType !== 'set') return undefined
  const below = itemsOf(schema)
  const children = items.map((value) => ({
    element: listType === 'map' ? `k:${keyOf(value, keys, below)}` : `v:${JSON.stringify(value)}`,
    value,
    type: node(below),
  }))
  const isDistinct = new Set(children.map(({ element }) => element)).size === children.length
  return isDistinct ? children : undefined
}

function keyOf(item: JSONValue, keys: readonly string[], schema: JSONSchema | undefined): string {
  const object: JSONObject = isJSONObject(item) ? item : {}
  const defaultOf = (key: string) => (schema && propertyOf(schema, key)?.default) ?? null
  return JSON.stringify(
    Object.fromEntries(
      keys.toSorted().map((key) => [key, getKey(object, key) ?? defaultOf(key)] as const),
    ),
  )
}
