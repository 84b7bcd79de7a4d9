/** metadata.managedFields. Source: apimachinery util/managedfields/internal. */
import { isJSONObject, type JSONObject, type JSONValue } from '../json.ts'
import type { ManagedFieldsEntry } from '../meta.ts'
import { type Pace, type Steps, takeAll, takeInTurns } from '../steps.ts'
import { fieldsV1Text, formatFieldsV1, parseFieldsV1 } from './field-set.ts'
import type { Manager, Ownership, Ownerships } from './managers.ts'

export function formatManagedFields(owners: Ownerships): JSONObject[] {
  return owners.map(({ manager: { name, operation, apiVersion, subresource }, fields, time }) => ({
    manager: name,
    operation,
    apiVersion,
    ...(time === undefined ? {} : { time }),
    fieldsType: 'FieldsV1',
    fieldsV1: formatFieldsV1(fields),
    ...(subresource ? { subresource } : {}),
  }))
}

/** Entries as JSON text, their members in the order of {@link formatManagedFields}. */
export function managedFieldsText(entries: readonly ManagedFieldsEntry[]): string {
  const texts = entries.map(({ fieldsV1, subresource, ...entry }) => {
    const members = [
      JSON.stringify(entry).slice(1, -1),
      fieldsV1 ? `"fieldsV1":${fieldsV1Text(fieldsV1)}` : '',
      subresource === undefined ? '' : `"subresource":${JSON.stringify(subresource)}`,
    ]
    return `{${members.filter((text) => text !== '').join()}}`
  })
  return `[${texts.join()}]`
}

/** None where one entry is none: DecodeManagedFields, and what its callers make of an error. */
export const parseManagedFields = (entries: JSONValue | undefined): Ownerships =>
  takeAll(parseSteps(entries))

/** As {@link parseManagedFields}, of entries that may be many. */
export const parseInTurns = (entries: JSONValue | undefined, pace: Pace) =>
  takeInTurns(parseSteps(entries), pace)

function* parseSteps(entries: JSONValue | undefined): Steps<Ownerships> {
  if (!Array.isArray(entries)) return []
  const owners: Ownership[] = []
  for (const entry of entries) {
    const owner = parseEntry(entry)
    if (!owner) return []
    owners.push(owner)
    yield
  }
  return owners
}

function parseEntry(entry: JSONValue): Ownership | undefined {
  if (!isJSONObject(entry)) return undefined
  const { manager, operation, apiVersion, time, subresource, fieldsType, fieldsV1 = {} } = entry
  if (operation !== 'Apply' && operation !== 'Update') return undefined
  if (typeof apiVersion !== 'string' || fieldsType !== 'FieldsV1' || !isJSONObject(fieldsV1)) {
    return undefined
  }
  const named: Manager = {
    name: String(manager ?? ''),
    operation,
    apiVersion,
    ...(subresource ? { subresource: String(subresource) } : {}),
  }
  const fields = parseFieldsV1(fieldsV1)
  return { manager: named, fields, ...(typeof time === 'string' ? { time } : {}) }
}

/** `[]` or `[{}]`: a client wants all entries forgotten. */
export const isReset = (entries: JSONValue | undefined): boolean =>
  Array.isArray(entries) &&
  (entries.length === 0 ||
    (entries.length === 1 && isJSONObject(entries[0]) && Object.keys(entries[0]).length === 0))
