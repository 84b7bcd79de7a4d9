/** A boolean of an options object in a query: there, and neither `false` nor `0`. Source: apimachinery pkg/runtime/conversion.go. */
export function flag(query: URLSearchParams, name: string): boolean {
  const value = query.get(name)
  return value !== null && value !== '0' && value.toLowerCase() !== 'false'
}
