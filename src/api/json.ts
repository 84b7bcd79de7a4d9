/** A parsed JSON document. Mutable on purpose: only code that made the value itself may change it. */
export type JSONValue = null | boolean | number | string | JSONValue[] | JSONObject

export interface JSONObject {
  [key: string]: JSONValue
}

export function isJSONObject(value: unknown): value is JSONObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
