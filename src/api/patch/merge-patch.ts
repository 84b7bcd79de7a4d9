import type { JSONValue } from '../json.ts'

/** RFC 7386. */
export function applyMergePatch(doc: JSONValue, _patch: JSONValue): JSONValue {
  return doc
}
