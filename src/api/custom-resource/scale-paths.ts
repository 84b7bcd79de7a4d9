/** Source: apiextensions-apiserver pkg/registry/customresource/{validator,etcd}.go. */
import { type FieldError, invalid } from '../field-error.ts'
import { getKey, isJSONObject, type JSONObject, type JSONValue, setKey } from '../json.ts'
import type { ScalePaths } from './definition.ts'

const MAX_INT32 = 2 ** 31 - 1

/** `.spec.replicas` → `spec`, `replicas`. */
const split = (path: string) => path.replace(/^\./, '').split('.')

/** The value at a simple path; undefined where it is not there. */
export function valueAt(object: JSONObject, path: string): JSONValue | undefined {
  let value: JSONValue | undefined = object
  for (const key of split(path)) value = isJSONObject(value) ? getKey(value, key) : undefined
  return value
}

/** The object with another value at the path. */
export function withValueAt(object: JSONObject, path: string, value: JSONValue): JSONObject {
  const [key = '', ...rest] = split(path)
  const below = getKey(object, key)
  const changed = { ...object }
  const next = isJSONObject(below) ? below : {}
  setKey(changed, key, rest.length === 0 ? value : withValueAt(next, rest.join('.'), value))
  return changed
}

export function checkScale(
  object: JSONObject,
  { specReplicasPath, statusReplicasPath, labelSelectorPath }: ScalePaths,
  part: 'whole' | 'status',
): FieldError[] {
  const selector = labelSelectorPath ? valueAt(object, labelSelectorPath) : undefined
  return [
    ...(part === 'whole' ? checkReplicas(object, specReplicasPath) : []),
    ...checkReplicas(object, statusReplicasPath),
    ...(selector === undefined || typeof selector === 'string'
      ? []
      : [invalid(labelSelectorPath!, '', mistyped(labelSelectorPath!, selector, 'string'))]),
  ]
}

function checkReplicas(object: JSONObject, path: string): FieldError[] {
  const value = valueAt(object, path)
  if (value === undefined) return []
  if (typeof value !== 'number' || !Number.isInteger(value))
    return [invalid(path, 0, mistyped(path, value, 'int64'))]
  if (value < 0) return [invalid(path, value, 'should be a non-negative integer')]
  if (value <= MAX_INT32) return []
  return [invalid(path, value, `should be less than or equal to ${MAX_INT32}`)]
}

// apimachinery pkg/apis/meta/v1/unstructured/helpers.go
function mistyped(path: string, value: JSONValue, wanted: string): string {
  return `${path} accessor error: ${goValue(value)} is of the type ${goType(value)}, expected ${wanted}`
}

const goValue = (value: JSONValue) => (value === null ? '<nil>' : String(value))

function goType(value: JSONValue): string {
  if (value === null) return '<nil>'
  if (Array.isArray(value)) return '[]interface {}'
  if (typeof value === 'object') return 'map[string]interface {}'
  return typeof value === 'boolean' ? 'bool' : typeof value === 'number' ? 'float64' : 'string'
}
