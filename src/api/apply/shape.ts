import { isJSONObject, type JSONValue } from '../json.ts'
import { isStruct, schemaType } from '../schema/schema.ts'
import { elementsOf, itemOf, type NodeType, nodeOf } from './node.ts'

/**
 * A text that is the same only for values that have the same fields, whatever stands in them: childrenOf() of both, and
 * of their children, names the same elements. Undefined for types that are not in the schema table.
 */
export function shapeOf(value: JSONValue, type: NodeType): string | undefined {
  if (type.structural) return undefined
  const parts = [type.of, ' ']
  describe(value, type, parts)
  return parts.join('')
}

function describe(value: JSONValue, type: NodeType, parts: string[]): void {
  if (Array.isArray(value)) {
    describeList(value, type, parts)
    return
  }
  if (!isJSONObject(value) || type.shape === 'list' || type.mapType === 'atomic') return
  const fields = type.shape === 'one' && isStruct(type.of) ? schemaType(type.of).json : undefined
  if (!fields && type.shape !== 'map') return
  parts.push('{')
  for (const key of Object.keys(value)) {
    const field = fields?.get(key)
    if (fields && !field) continue
    // Keys of a map may hold anything; names of fields need no quotes.
    parts.push(field ? key : JSON.stringify(key))
    describe(value[key]!, field ? nodeOf(field) : itemOf(type), parts)
    parts.push(',')
  }
  parts.push('}')
}

function describeList(items: readonly JSONValue[], type: NodeType, parts: string[]): void {
  const elements = elementsOf(items, type)
  parts.push('[')
  for (const [index, element] of elements.entries()) {
    parts.push(element)
    describe(items[index]!, itemOf(type), parts)
    parts.push(',')
  }
  parts.push(']')
}
