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

/** Equality of values as JSON means it: order of keys does not matter, order of items does. */
export function equalJSON(a: unknown, b: unknown): boolean {
  if (a === b) return true
  if (Array.isArray(a) && Array.isArray(b)) {
    return a.length === b.length && a.every((item, index) => equalJSON(item, b[index]))
  }
  if (!isJSONObject(a) || !isJSONObject(b)) return false
  const keys = Object.keys(a)
  return (
    keys.length === Object.keys(b).length &&
    keys.every((key) => Object.hasOwn(b, key) && equalJSON(a[key], b[key]))
  )
}
