/** A value seen through the schema: what server-side apply takes apart, and what it takes as a whole. */
import { getKey, isJSONObject, type JSONObject, type JSONValue } from '../json.ts'
import { type Field, type FieldType, isStruct, schemaType } from '../schema/schema.ts'
import { type Structural, structuralChildren } from './structural-node.ts'

export interface NodeType extends FieldType {
  readonly listType?: Field['listType']
  readonly listMapKeys?: Field['listMapKeys']
  readonly mapType?: Field['mapType']
  /** A field that Go always writes: in a struct that is there already it cannot come or go, only what is in it. */
  readonly isImplied?: boolean
  /** Of custom resources, whose types are not in the schema table. */
  readonly structural?: Structural
}

export interface Child {
  /** As in a FieldSet. */
  readonly element: string
  readonly value: JSONValue
  readonly type: NodeType
}

/** The parts of a value; undefined where it is a whole. */
export function childrenOf(value: JSONValue, type: NodeType): Child[] | undefined {
  if (type.structural) return structuralChildren(value, type.structural)
  if (Array.isArray(value)) return childrenOfList(value, type)
  if (!isJSONObject(value) || type.shape === 'list') return undefined
  if (type.shape === 'map') {
    if (type.mapType === 'atomic') return undefined
    return Object.keys(value).map((key) => ({
      element: `f:${key}`,
      value: getKey(value, key)!,
      type: itemOf(type),
    }))
  }
  if (!isStruct(type.of) || type.mapType === 'atomic') return undefined
  const { json: fields, mapType } = schemaType(type.of)
  if (mapType === 'atomic') return undefined
  return Object.keys(value).flatMap((key) => {
    const field = fields.get(key)
    return field ? [{ element: `f:${key}`, value: getKey(value, key)!, type: nodeOf(field) }] : []
  })
}

const nodes = new WeakMap<Field, NodeType>()
const items = new WeakMap<NodeType, NodeType>()

/** The type of a field's value: the same one each time. */
export const nodeOf = (field: Field): NodeType => remember(nodes, field, typeOf)

/** The type of what is in a list or map. */
export const itemOf = (type: NodeType): NodeType =>
  remember(items, type, ({ of }) => ({ shape: 'one', of }))

function remember<K extends object>(
  known: WeakMap<K, NodeType>,
  key: K,
  make: (key: K) => NodeType,
) {
  let type = known.get(key)
  if (!type) {
    type = make(key)
    known.set(key, type)
  }
  return type
}

function typeOf({ type, listType, listMapKeys, mapType, pointer, required }: Field): NodeType {
  return {
    ...type,
    ...(listType ? { listType } : {}),
    ...(listMapKeys ? { listMapKeys } : {}),
    ...(mapType ? { mapType } : {}),
    isImplied: !pointer && (type.shape === 'one' ? isStruct(type.of) : required),
  }
}

function childrenOfList(items: readonly JSONValue[], type: NodeType): Child[] | undefined {
  if (type.listType !== 'map' && type.listType !== 'set') return undefined
  const elements = elementsOf(items, type)
  const children = items.map((value, index) => ({
    element: elements[index]!,
    value,
    type: itemOf(type),
  }))
  const isDistinct = new Set(elements).size === elements.length
  return isDistinct ? children : undefined
}

/** How the items of a list are told apart; none where it is a whole. */
export function elementsOf(items: readonly JSONValue[], type: NodeType): string[] {
  const { listType, listMapKeys } = type
  if (listType !== 'map' && listType !== 'set') return []
  if (!listMapKeys) return items.map((value) => `v:${JSON.stringify(value)}`)
  const keys = keysOf(type, listMapKeys)
  return items.map((item) => {
    const object = isJSONObject(item) ? item : {}
    let text = 'k:'
    for (const { key, start, absent } of keys)
      text += start + JSON.stringify(getKey(object, key) ?? absent)
    return `${text}}`
  })
}

interface ListKey {
  readonly key: string
  /** What stands before its value: `{"name":`. */
  readonly start: string
  readonly absent: JSONValue
}

const listKeys = new WeakMap<NodeType, readonly ListKey[]>()

function keysOf(type: NodeType, names: readonly string[]): readonly ListKey[] {
  let keys = listKeys.get(type)
  if (!keys) {
    keys = names.toSorted().map((key, index) => ({
      key,
      start: `${index === 0 ? '{' : ','}${JSON.stringify(key)}:`,
      absent: defaultKey(type.of, key),
    }))
    listKeys.set(type, keys)
  }
  return keys
}

/** A key that is absent from an item. Source: client-go applyconfigurations/internal, `default:`. */
function defaultKey(of: string, key: string): JSONValue {
  const field = isStruct(of) ? schemaType(of).json.get(key) : undefined
  if (!field) return null
  const isText = field.type.of === 'string'
  return field.default ?? (field.required ? (isText ? '' : 0) : null)
}

/** From so many members on, an object is made faster of entries. */
const MANY = 100

/** A value of the same shape from other parts. */
export function assemble(like: JSONValue, children: readonly Child[]): JSONValue {
  if (Array.isArray(like)) return children.map(({ value }) => value)
  if (children.length > MANY)
    return Object.fromEntries(children.map(({ element, value }) => [element.slice(2), value]))
  const object: JSONObject = Object.create(null)
  for (const { element, value } of children) object[element.slice(2)] = value
  return { ...object }
}
