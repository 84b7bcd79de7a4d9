import { getKey, isJSONObject, type JSONObject, type JSONValue, setKey } from '../json.ts'

/** JSON Merge Patch, RFC 7386: objects merge, null removes, everything else replaces. `doc` stays as it is. */
export function applyMergePatch(doc: JSONValue, patch: JSONValue): JSONValue {
  if (!isJSONObject(patch)) return patch
  const merged: JSONObject = isJSONObject(doc) ? { ...doc } : {}
  for (const key of Object.keys(patch)) {
    const value = getKey(patch, key)!
    if (value === null) delete merged[key]
    else setKey(merged, key, applyMergePatch(getKey(merged, key) ?? null, value))
  }
  return merged
}
