/** A parsed JSON document. Mutable on purpose: only code that made the value itself may change it. */
export type JSONValue = null | boolean | number | string | JSONValue[] | JSONObject

export interface JSONObject {
  [key: string]: JSONValue
}

export function isJSONObject(value: unknown): value is JSONObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Assigns any key that a client may send: `object.__proto__ = x` would change the prototype instead. */
export function setKey(object: JSONObject, key: string, value: JSONValue): void {
  if (key === '__proto__') {
    Object.defineProperty(object, key, {
      value,
      enumerable: true,
      configurable: true,
      writable: true,
    })
  } else object[key] = value
}

/** Own keys only: `constructor` and `__proto__` are ordinary names here. */
export function getKey(object: JSONObject, key: string): JSONValue | undefined {
  return Object.hasOwn(object, key) ? object[key] : undefined
}

/** Equality of values as JSON means it: order of keys does not matter, order of items does; a member that is undefined is none. */
export function equalJSON(a: unknown, b: unknown): boolean {
  if (a === b) return true
  if (Array.isArray(a) && Array.isArray(b)) {
    return a.length === b.length && a.every((item, index) => equalJSON(item, b[index]))
  }
  if (!isJSONObject(a) || !isJSONObject(b)) return false
  for (const key of Object.keys(a))
    if (!equalJSON(a[key], Object.hasOwn(b, key) ? b[key] : undefined)) return false
  for (const key of Object.keys(b)) if (b[key] !== undefined && !Object.hasOwn(a, key)) return false
  return true
}
