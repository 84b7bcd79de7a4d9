/** Whether a configuration fits its type. Source: structured-merge-diff v6 typed/{validate,helpers}.go. */
import { formatLikeGo, formatLikeGoSyntax, goTypeOf } from '../go-format.ts'
import { isJSONObject, type JSONValue } from '../json.ts'
import { isSchemaOr, isStruct, schemaType } from '../schema/schema.ts'
import { describeElement } from './field-set.ts'
import { elementsOf, itemOf, type NodeType, nodeOf } from './node.ts'

/** What is wrong with `value`, each with its path: `.spec.replicas: expected numeric (int or float), got string`. */
export function validateTyped(value: JSONValue, type: NodeType, path = ''): string[] {
  if (value === null) return []
  if (type.shape === 'list') return validateList(value, type, path)
  if (type.shape === 'map') return validateMap(value, type, path)
  if (isStruct(type.of)) return validateStruct(value, type, path)
  return validateScalar(value, type.of, path)
}

const wrong = (path: string, wanted: string, value: JSONValue) => [
  `${path}: expected ${wanted}, got ${pointerTo(value)}`,
]

/** A pointer to a struct that holds the value alone, as Go prints it. */
const pointerTo = (value: JSONValue) => `&{${formatLikeGo(value)}}`

function validateStruct(value: JSONValue, type: NodeType, path: string): string[] {
  if (!isJSONObject(value)) return wrong(path, 'map', value)
  const fields = schemaType(type.of).json
  return Object.entries(value).flatMap(([key, item]) => {
    const field = fields.get(key)
    const at = `${path}.${key}`
    return field ? validateTyped(item, nodeOf(field), at) : [`${at}: field not declared in schema`]
  })
}

function validateMap(value: JSONValue, type: NodeType, path: string): string[] {
  if (!isJSONObject(value)) return wrong(path, 'map', value)
  const of = itemOf(type)
  return Object.entries(value).flatMap(([key, item]) => validateTyped(item, of, `${path}.${key}`))
}

function validateList(value: JSONValue, type: NodeType, path: string): string[] {
  if (!Array.isArray(value)) return wrong(path, 'list', value)
  const elements = elementsOf(value, type)
  const of = itemOf(type)
  const seen = new Set<string>()
  const errors: string[] = []
  for (const [index, item] of value.entries()) {
    const element = elements[index]
    const why = element === undefined ? undefined : explainElement(item, type)
    if (why !== undefined) return [...errors, `${path}: element ${index}: ${why}`]
    const shown = element === undefined ? `[${index}]` : describeElement(element)
    if (element !== undefined && seen.has(element)) {
      errors.push(`${path}: duplicate entries for key ${shown}`)
    }
    if (element !== undefined) seen.add(element)
    errors.push(...validateTyped(item, of, `${path}${shown}`))
  }
  return errors
}

/** Why nothing tells an item apart from the others; undefined where something does. */
function explainElement(item: JSONValue, { listMapKeys }: NodeType): string | undefined {
  if (listMapKeys) {
    const list = 'associative list with keys may not have'
    if (item === null) return `${list} a null element`
    return isJSONObject(item) ? undefined : `${list} non-map elements`
  }
  const list = 'associative list without keys has an element'
  if (item === null) return `${list} that's an explicit null`
  if (Array.isArray(item)) return 'not supported: associative list with lists as elements'
  return isJSONObject(item) ? `${list} that's a map type` : undefined
}

const strings: ReadonlySet<string> = new Set(['string', 'bytes'])
const numbers: ReadonlySet<string> = new Set(['int32', 'int64', 'double'])
/** Types that write themselves as a string or a number. */
const untyped: ReadonlySet<string> = new Set(['Time', 'MicroTime', 'Quantity', 'IntOrString'])
const maps: ReadonlySet<string> = new Set(['RawExtension', 'FieldsV1'])

function validateScalar(value: JSONValue, of: string, path: string): string[] {
  if (strings.has(of)) {
    if (typeof value === 'string') return []
    const shown = `&value.valueUnstructured{Value:${formatLikeGoSyntax(value)}}`
    return [`${path}: expected string, got ${shown}`]
  }
  if (numbers.has(of)) {
    if (typeof value === 'number') return []
    return [`${path}: expected numeric (int or float), got ${goTypeOf(value)}`]
  }
  if (of === 'bool') return typeof value === 'boolean' ? [] : wrong(path, 'boolean', value)
  if (untyped.has(of)) return typeof value === 'object' ? wrong(path, 'any scalar', value) : []
  if (maps.has(of)) return isJSONObject(value) ? [] : wrong(path, 'map', value)
  if (of === '[]string') return validateList(value, { shape: 'list', of: 'string' }, path)
  // JSON schemas, which the field check looks into.
  if (isSchemaOr(of) || of === 'JSON') return []
  throw new Error(`Cannot validate ${path}: the schema's type ${of} is not known`)
}

/** `errors:` and a line each, or the only one. */
export const formatTypedErrors = (errors: readonly string[]): string =>
  errors.length === 1 ? errors[0]! : ['errors:', ...errors.map((each) => `  ${each}`)].join('\n')
