import { isJSONObject, type JSONValue } from '../json.ts'
import { isStruct, schemaType } from '../schema/schema.ts'
import { elementsOf, itemOf, type NodeType, nodeOf } from './node.ts'

/**
 * A text that is the same only for values that have the same fields, whatever stands in them: childrenOf() of both, and
 * of their children, names the same elements. Undefined for types that are not in the schema table.
 */
export function shapeOf(value: JSONValue, type: NodeType): string | undefined {
  return type.structural ? undefined : `${type.of} ${describe(value, type)}`
}

function describe(value: JSONValue, type: NodeType): string {
  if (Array.isArray(value)) return describeList(value, type)
  if (!isJSONObject(value) || type.shape === 'list' || type.mapType === 'atomic') return ''
  const fields = type.shape === 'one' && isStruct(type.of) ? schemaType(type.of).json : undefined
  if (!fields && type.shape !== 'map') return ''
  let text = '{'
  for (const key of Object.keys(value)) {
    const field = fields?.get(key)
    if (fields && !field) continue
    // Keys of a map may hold anything; names of fields need no quotes.
    text += field ? key : JSON.stringify(key)
    text += describe(value[key]!, field ? nodeOf(field) : itemOf(type))
    text += ','
  }
  return `${text}}`
}

function describeList(items: readonly JSONValue[], type: NodeType): string {
  const elements = elementsOf(items, type)
  let text = '['
  for (const [index, element] of elements.entries()) {
    text += element
    text += describe(items[index]!, itemOf(type))
    text += ','
  }
  return `${text}]`
}
