/** metadata.managedFields. Source: apimachinery util/managedfields/internal. */
import { isJSONObject, type JSONObject, type JSONValue } from '../json.ts'
import { formatFieldsV1, parseFieldsV1 } from './field-set.ts'
import type { Manager, Ownerships } from './managers.ts'

export function formatManagedFields(owners: Ownerships): JSONObject[] {
  return owners.map(({ manager: { name, operation, apiVersion, subresource }, fields, time }) => ({
    manager: name,
    operation,
    apiVersion,
    time,
    fieldsType: 'FieldsV1',
    fieldsV1: formatFieldsV1(fields),
    ...(subresource ? { subresource } : {}),
  }))
}

/** Entries that are none are left out, as if nobody had written them. */
export function parseManagedFields(entries: JSONValue | undefined): Ownerships {
  if (!Array.isArray(entries)) return []
  return entries.flatMap((entry) => {
    if (!isJSONObject(entry) || !isJSONObject(entry.fieldsV1)) return []
    const { manager, operation, apiVersion, time, subresource, fieldsV1 } = entry
    if (operation !== 'Apply' && operation !== 'Update') return []
    const named: Manager = {
      name: String(manager ?? ''),
      operation,
      apiVersion: String(apiVersion ?? ''),
      ...(subresource ? { subresource: String(subresource) } : {}),
    }
    return [{ manager: named, fields: parseFieldsV1(fieldsV1), time: String(time ?? '') }]
  })
}

/** `[{}]`: a client wants all entries forgotten. */
export const isReset = (entries: JSONValue | undefined): boolean =>
  Array.isArray(entries) &&
  entries.length === 1 &&
  isJSONObject(entries[0]) &&
  Object.keys(entries[0]).length === 0
