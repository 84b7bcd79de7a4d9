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
