import { isJSONObject, type JSONObject, type JSONValue } from '#api/json.ts'

/** Makes a function that gives equal names to what differs from run to run: times, uids, revisions. */
export function normalizer(): (value: unknown) => unknown {
  const uids = new Map<string, string>()
  const revisions = new Map<string, string>()
  const name = (names: Map<string, string>, prefix: string, text: string) => {
    const known = names.get(text) ?? `${prefix}-${names.size + 1}`
    names.set(text, known)
    return known
  }
  const text = (value: string): string =>
    value
      .replaceAll(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, (uid) => name(uids, 'uid', uid))
      .replaceAll(/20[2-9][1-9]-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/g, 'TIME')
      .replaceAll(/(?<=current: )\d+/g, 'N')
      .replaceAll(/(?<=in record \()\d+/g, 'N')
      .replaceAll(/\b(gen-|g-)[bcdfghjklmnpqrstvwxz2456789]{5}\b/g, '$1XXXXX')
      .replace(/^\d+[smh]$/, 'AGE')
      .replaceAll(/(?<=resourceVersion: )"\d+"/g, '"N"')
      .replaceAll(/(?<=uid: )uid-\d+/g, 'UID')
      // Its members stand in another order.
      .replace(/(?<=Invalid value: )"\{\\".*\}"(?=: )/s, 'OBJECT')
  const walk = (value: JSONValue, key: string, path: readonly string[]): JSONValue => {
    if (typeof value === 'string') {
      if (key === 'continue') return token(value)
      if (key === 'description') return ''
      if (key === 'resourceVersion' && path.at(-1) === 'metadata') {
        return path.includes('COLLECTION')
          ? 'REVISION'
          : value === ''
            ? ''
            : name(revisions, 'rv', value)
      }
      return text(value)
    }
    if (Array.isArray(value)) {
      const items = value.map((item) => walk(item, '', path))
      if (key === 'causes') return withoutRepeats(items)
      return key === 'managedFields' ? items.toSorted(byManager) : items
    }
    if (!isJSONObject(value)) return value
    const here = key === '' ? [] : key === 'metadata' ? [...path, key] : [key]
    const marks = isCollection(value) ? ['COLLECTION'] : here
    return Object.fromEntries(
      Object.entries(value)
        .filter(([each]) => !ELSEWHERE.has(each))
        .map(([each, item]) => [text(each), walk(item, each, marks)]),
    )
  }
  return (value) => walk(value as JSONValue, '', [])
}

/** What admission adds that is not asked here: of networking, and of service accounts. */
const ELSEWHERE: ReadonlySet<string> = new Set([
  'ipFamilies',
  'ipFamilyPolicy',
  'internalTrafficPolicy',
  'serviceAccount',
  'serviceAccountName',
])

/** A list, a table or a bookmark: its revision counts all writes of the server. */
const isCollection = (value: JSONObject) =>
  /List$|^Table$/.test(String(value.kind)) ||
  (isJSONObject(value.metadata) &&
    value.metadata.uid === undefined &&
    value.metadata.name === undefined)

/** Upstream asks some rules several times: only `causes` shows it. */
function withoutRepeats(items: readonly JSONValue[]): JSONValue[] {
  const texts = new Set(items.map((item) => JSON.stringify(item)))
  return [...texts].map((item) => JSON.parse(item) as JSONValue)
}

function byManager(a: JSONValue, b: JSONValue): number {
  const [x, y] = [a, b].map((entry) => {
    const { manager, operation, subresource, apiVersion } = entry as JSONObject
    return JSON.stringify([manager, operation, subresource, apiVersion])
  })
  return x! < y! ? -1 : 1
}

/** What is in a continue token, its revision left out. */
function token(text: string): string {
  const { start, v } = JSON.parse(Buffer.from(text, 'base64url').toString()) as JSONObject
  return JSON.stringify([v, String(start).replace(/^\//, '')])
}
