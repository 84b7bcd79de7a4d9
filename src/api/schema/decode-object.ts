import type { JSONObject } from '../json.ts'
import type { Resource } from '../resources.ts'
import { badRequest } from '../status.ts'
import { checkFields } from './check-fields.ts'

export interface DecodedObject {
  readonly object: JSONObject
  /** `unknown field "spec.foo"`, `duplicate field "spec.bar"`: Warning headers, or with Strict the refusal. */
  readonly strictErrors: readonly string[]
}

/** The sentence of fieldValidation=Strict. */
export function formatStrictErrors(errors: readonly string[]): string {
  return `strict decoding error: ${errors.join(', ')}`
}

/** @throws StatusError 400 where a value has the wrong type. */
export function decodeObject(
  resource: Resource,
  value: JSONObject,
  duplicates: readonly string[] = [],
): DecodedObject {
  const { object, unknown, typeError } = checkFields(resource, value)
  if (typeError) throw badRequest(typeError)
  return {
    object,
    strictErrors: [
      ...duplicates.map((path) => `duplicate field "${path}"`),
      ...unknown.map((path) => `unknown field "${path}"`),
    ],
  }
}
