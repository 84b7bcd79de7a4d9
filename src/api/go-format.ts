import { quoteLikeGo } from './field-error.ts'
import type { JSONValue } from './json.ts'

/** A JSON value as Go prints it with %v: `map[spec:map[replicas:2]]`. Messages about patches quote so. */
export function formatLikeGo(value: JSONValue): string {
  if (value === null) return '<nil>'
  if (Array.isArray(value)) return `[${value.map(formatLikeGo).join(' ')}]`
  if (typeof value !== 'object') return String(value)
  const pairs = Object.keys(value)
    .toSorted()
    .map((key) => `${key}:${formatLikeGo(value[key]!)}`)
  return `map[${pairs.join(' ')}]`
}

/** A JSON value as Go prints it with %#v: `map[string]interface {}{"replicas":2}`. */
export function formatLikeGoSyntax(value: JSONValue): string {
  if (value === null) return 'interface {}(nil)'
  if (typeof value === 'string') return quoteLikeGo(value)
  if (Array.isArray(value)) return `[]interface {}{${value.map(formatLikeGoSyntax).join(', ')}}`
  if (typeof value !== 'object') return String(value)
  const pairs = Object.keys(value)
    .toSorted()
    .map((key) => `${quoteLikeGo(key)}:${formatLikeGoSyntax(value[key]!)}`)
  return `map[string]interface {}{${pairs.join(', ')}}`
}

/** The type of a JSON value as Go prints it with %T. */
export function goTypeOf(value: JSONValue): string {
  if (value === null) return '<nil>'
  if (Array.isArray(value)) return '[]interface {}'
  if (typeof value === 'object') return 'map[string]interface {}'
  if (typeof value === 'boolean') return 'bool'
  if (typeof value === 'string') return 'string'
  return Number.isInteger(value) ? 'int64' : 'float64'
}
