import type { JSONObject } from '../json.ts'
import type { Resource } from '../resources.ts'

export interface FieldCheck {
  /** The object without unknown fields and nulls; a new value. */
  readonly object: JSONObject
  /** Paths that the kind does not have: `spec.foo`, `spec.ports[0].foo`. */
  readonly unknown: readonly string[]
  /** The first value of a wrong type, in encoding/json's words; the object must be refused with it. */
  readonly typeError?: string
}

export function checkFields(_resource: Resource, object: JSONObject): FieldCheck {
  return { object, unknown: [] }
}
