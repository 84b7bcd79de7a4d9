import { formatLikeGo } from '../go-format.ts'
import { getKey, isJSONObject, type JSONObject, type JSONValue } from '../json.ts'
import { unexplained, unprocessable } from '../status.ts'

interface ListMerge {
  /** Absent for lists of scalars, which merge as sets. */
  readonly mergeKey: string | undefined
  readonly merge: (item: JSONObject, change: JSONObject) => JSONObject
  /** Prepares an item that nothing was there to merge with. */
  readonly added: (item: JSONValue) => JSONValue
}

/** Merges a list of a strategic merge patch, in the order that the patch gives to its items. */
export function mergeList(
  original: readonly JSONValue[],
  patch: readonly JSONValue[],
  options: ListMerge,
): JSONValue[] {
  const { mergeKey } = options
  if (patch.some(Array.isArray))
    throw unprocessable('the server rejected our request due to an error in our request')
  if (!mergeKey || ![...patch, ...original].some(isJSONObject)) {
    return orderList([...new Set([...original, ...patch])], patch, original, undefined)
  }
  const { kept, changes } = applyDirectives(original, patch, mergeKey)
  const merged = [...kept]
  const places = new Map<JSONValue | undefined, number>()
  for (const [at, item] of merged.entries()) {
    const key = isJSONObject(item) ? getKey(item, mergeKey) : undefined
    if (key !== undefined && !places.has(key)) places.set(key, at)
  }
  for (const change of changes) {
    const key = keyOf(change, mergeKey)
    const at = places.get(key)
    if (at === undefined) places.set(key, merged.push(options.added(change)) - 1)
    else merged[at] = options.merge(merged[at] as JSONObject, change)
  }
  return orderList(merged, changes, kept, mergeKey)
}

/** `{$patch: delete, <merge key>}` removes an item, `{$patch: replace}` all that the patch does not bring itself. */
function applyDirectives(
  original: readonly JSONValue[],
  patch: readonly JSONValue[],
  mergeKey: string,
): { readonly kept: readonly JSONValue[]; readonly changes: readonly JSONObject[] } {
  const changes: JSONObject[] = []
  const deleted = new Set<JSONValue>()
  let replaces = false
  for (const item of patch) {
    if (!isJSONObject(item)) {
      throw unexplained(
        `list element types are not identical: ${formatLikeGo([[...original], [...patch]])}`,
      )
    }
    const marker = getKey(item, '$patch')
    if (marker === undefined) changes.push(item)
    else if (marker === 'delete') deleted.add(keyOf(item, mergeKey))
    else if (marker === 'replace') replaces = true
    else if (marker === 'merge') {
      throw unexplained('merging lists cannot yet be specified in the patch')
    } else
      throw unexplained(`unknown patch type: ${formatLikeGo(marker)} in map: ${formatLikeGo(item)}`)
  }
  const kept = replaces
    ? []
    : original.filter((item) => !isJSONObject(item) || !deleted.has(getKey(item, mergeKey) ?? null))
  return { kept, changes }
}

function keyOf(item: JSONObject, mergeKey: string): JSONValue {
  const key = getKey(item, mergeKey)
  if (key !== undefined) return key
  throw unexplained(`map: ${formatLikeGo(item)} does not contain declared merge key: ${mergeKey}`)
}

/**
 * Orders a merged list: items that `wanted` names as it names them, the others as they were in `live`;
 * where the two meet, `live` decides, and the wanted item goes first where it cannot.
 */
export function orderList(
  list: readonly JSONValue[],
  wanted: readonly JSONValue[],
  live: readonly JSONValue[],
  mergeKey: string | undefined,
): JSONValue[] {
  const identify = (item: JSONValue) =>
    mergeKey && isJSONObject(item) ? (getKey(item, mergeKey) ?? null) : item
  const wantedAt = indexBy(wanted, identify)
  const liveAt = indexBy(live, identify)
  const rank = (ranks: ReadonlyMap<JSONValue, number>, item: JSONValue) =>
    ranks.get(identify(item)) ?? -1
  const named = list
    .filter((item) => wantedAt.has(identify(item)))
    .sort((a, b) => rank(wantedAt, a) - rank(wantedAt, b))
  const others = list
    .filter((item) => !wantedAt.has(identify(item)))
    .sort((a, b) => rank(liveAt, a) - rank(liveAt, b))
  const ordered: JSONValue[] = []
  let [nextOther, nextNamed] = [0, 0]
  while (nextNamed < named.length && nextOther < others.length) {
    const [other, name] = [rank(liveAt, others[nextOther]!), rank(liveAt, named[nextNamed]!)]
    const takesOther = other >= 0 && name >= 0 && other < name
    ordered.push(takesOther ? others[nextOther++]! : named[nextNamed++]!)
  }
  return [...ordered, ...others.slice(nextOther), ...named.slice(nextNamed)]
}

function indexBy(
  items: readonly JSONValue[],
  identify: (item: JSONValue) => JSONValue,
): ReadonlyMap<JSONValue, number> {
  return new Map(items.map((item, index) => [identify(item), index]))
}
