/**
 * Strategic merge patch: a merge patch that merges lists by the schema's merge keys, and obeys the directives
 * `$patch`, `$retainKeys`, `$setElementOrder/x` and `$deleteFromPrimitiveList/x`.
 * Source: apimachinery pkg/util/strategicpatch; the order of lists: design-proposals-archive,
 * cli/preserve-order-in-strategic-merge-patch.md.
 */
import { formatLikeGo } from '../go-format.ts'
import { getKey, isJSONObject, type JSONObject, type JSONValue, setKey } from '../json.ts'
import type { Resource } from '../resources.ts'
import { describeJSON } from '../schema/scalars.ts'
import {
  type Field,
  isStruct,
  type SchemaType,
  schemaType,
  schemaTypeOf,
} from '../schema/schema.ts'
import { badRequest, unexplained } from '../status.ts'
import { mergeList, orderList } from './merge-list.ts'

const directive = '$patch'
const retainKeys = '$retainKeys'
const orderPrefix = '$setElementOrder/'
const deletePrefix = '$deleteFromPrimitiveList/'

/**
 * Returns the changed document; `doc` and `patch` stay as they are.
 * @throws StatusError 400 where the patch is malformed.
 */
export function applyStrategicMergePatch(
  doc: JSONObject,
  patch: JSONObject,
  resource: Pick<Resource, 'group' | 'version' | 'kind'>,
): JSONObject {
  return mergeMap(doc, patch, schemaTypeOf(resource))
}

/** `type` is absent below maps and in fields that the schema does not have: these merge as plain JSON. */
function mergeMap(
  original: JSONObject,
  patch: JSONObject,
  type: SchemaType | undefined,
): JSONObject {
  const marker = getKey(patch, directive)
  if (marker !== undefined) return replaceMap(patch, marker)
  const merged = retain({ ...original }, patch)
  for (const key of Object.keys(patch)) {
    if (key === retainKeys || key.startsWith(orderPrefix) || key.startsWith(deletePrefix)) continue
    const value = getKey(patch, key)!
    if (value === null) {
      delete merged[key]
      continue
    }
    const next = mergeValue(getKey(merged, key), value, type?.json.get(key))
    if (next === undefined) delete merged[key]
    else setKey(merged, key, next)
  }
  deleteFromPrimitiveLists(merged, patch)
  return setElementOrders(merged, original, patch, type)
}

function replaceMap(patch: JSONObject, marker: JSONValue): JSONObject {
  const { [directive]: _, ...rest } = patch
  if (marker === 'replace') return rest
  if (marker === 'delete') return {}
  throw unexplained(`unknown patch type: ${formatMarker(marker)} in map: ${formatLikeGo(patch)}`)
}

/** Go prints with %s what may be no text. */
const formatMarker = (marker: JSONValue) =>
  typeof marker === 'number' ? `%!s(int64=${marker})` : formatLikeGo(marker)

/** `undefined`: the patch says that the value goes. */
function mergeValue(
  original: JSONValue | undefined,
  value: JSONValue,
  field: Field | undefined,
): JSONValue | undefined {
  const replaces = field?.patchStrategy?.includes('replace')
  if (isJSONObject(value)) {
    if (!isJSONObject(original)) return withoutDirectives(value)
    return replaces ? value : mergeMap(original, value, structOf(field, 'one'))
  }
  if (!Array.isArray(value)) return value
  if (!Array.isArray(original)) return withoutDirectives(value)
  if (!field?.patchStrategy?.includes('merge')) return value
  const of = structOf(field, 'list')
  return mergeList(original, value, {
    mergeKey: field.patchMergeKey,
    merge: (item, change) => mergeMap(item, change, of),
    added: (item) => withoutDirectives(item) ?? null,
  })
}

function structOf(field: Field | undefined, shape: 'one' | 'list'): SchemaType | undefined {
  if (!field || field.type.shape !== shape || !isStruct(field.type.of)) return undefined
  return schemaType(field.type.of)
}

/** A value that nothing was there to merge with: directives and nulls in it have done their work. */
function withoutDirectives(value: JSONValue): JSONValue | undefined {
  if (Array.isArray(value)) {
    return value.map(withoutDirectives).filter((item) => item !== undefined)
  }
  if (!isJSONObject(value)) return value
  if (Object.hasOwn(value, directive)) return undefined
  const kept: JSONObject = {}
  for (const key of Object.keys(value)) {
    const item = getKey(value, key)!
    if (item === null || key === retainKeys) continue
    if (key.startsWith(orderPrefix) || key.startsWith(deletePrefix)) continue
    const inner = withoutDirectives(item)
    if (inner !== undefined) setKey(kept, key, inner)
  }
  return kept
}

/** `$retainKeys` lists all keys that may stay; a union's old member goes when a new one comes. */
function retain(merged: JSONObject, patch: JSONObject): JSONObject {
  const keys = getKey(patch, retainKeys)
  if (keys === undefined) return merged
  const malformed = badRequest('invalid patch format of retainKeys')
  if (!Array.isArray(keys)) throw malformed
  const isKept = (key: string) => key.startsWith('$') || patch[key] === null || keys.includes(key)
  if (!Object.keys(patch).every(isKept)) throw malformed
  return Object.fromEntries(Object.entries(merged).filter(([key]) => keys.includes(key)))
}

function deleteFromPrimitiveLists(merged: JSONObject, patch: JSONObject): void {
  for (const key of Object.keys(patch)) {
    if (!key.startsWith(deletePrefix)) continue
    const name = key.slice(deletePrefix.length)
    const gone = getKey(patch, key)!
    if (!Array.isArray(gone)) continue
    const isGone = new Set(gone)
    const list = getKey(merged, name)
    if (Array.isArray(list)) {
      setKey(
        merged,
        name,
        list.filter((item) => !isGone.has(item)),
      )
    }
  }
}

function setElementOrders(
  merged: JSONObject,
  original: JSONObject,
  patch: JSONObject,
  type: SchemaType | undefined,
): JSONObject {
  for (const key of Object.keys(patch)) {
    if (!key.startsWith(orderPrefix)) continue
    const name = key.slice(orderPrefix.length)
    const order = getKey(patch, key)!
    if (!Array.isArray(order)) {
      throw unexplained(`expected a []interface {}, but received a ${describeJSON(order)}`)
    }
    const list = getKey(merged, name)
    if (!Array.isArray(list)) continue
    const live = getKey(original, name)
    const mergeKey = type?.json.get(name)?.patchMergeKey
    checkOrder(getKey(patch, name), order, mergeKey)
    setKey(merged, name, orderList(list, order, Array.isArray(live) ? live : [], mergeKey))
  }
  return merged
}

/** The order must name every item that the patch brings. */
function checkOrder(
  items: JSONValue | undefined,
  order: readonly JSONValue[],
  mergeKey: string | undefined,
): void {
  if (!Array.isArray(items)) return
  const keyOf = (item: JSONValue) =>
    mergeKey && isJSONObject(item) ? (getKey(item, mergeKey) ?? null) : item
  const named = new Set(order.map(keyOf))
  const stray = items.some(
    (item) => !(isJSONObject(item) && Object.hasOwn(item, directive)) && !named.has(keyOf(item)),
  )
  if (stray) {
    throw unexplained(
      `The order in patch list:\n${formatLikeGo([...items])}\n doesn't match $setElementOrder list:\n${formatLikeGo([...order])}\n`,
    )
  }
}
