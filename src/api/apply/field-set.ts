/**
 * Sets of field paths, as trees. An element of a path is written as metadata.managedFields writes it: `f:name` for a
 * field or a map's key, `k:{"name":"a"}` for an item of a list that is a map, `v:"a"` for one of a list that is a set.
 * Source: structured-merge-diff fieldpath/{set,serialize,serialize-pe}.go.
 */
import { createCache } from '../cache.ts'
import { isJSONObject, type JSONObject, type JSONValue, setKey } from '../json.ts'

export interface FieldSet {
  /** Whether the path to here is in the set itself. */
  readonly self: boolean
  readonly children: ReadonlyMap<string, FieldSet>
}

export const noFields: FieldSet = { self: false, children: new Map() }
export const thisField: FieldSet = { self: true, children: new Map() }

export const isEmpty = ({ self, children }: FieldSet): boolean => !self && children.size === 0

/** Leaves out children that hold nothing. */
export function fieldSet(self: boolean, children: Iterable<readonly [string, FieldSet]>): FieldSet {
  const held = new Map<string, FieldSet>()
  for (const [element, child] of children) if (!isEmpty(child)) held.set(element, child)
  if (held.size === 0) return self ? thisField : noFields
  return { self, children: held }
}

/** Each returns `a` itself where nothing changes, at every depth: most writes change little, and what is known of a set stays so. */
export function union(a: FieldSet, b: FieldSet): FieldSet {
  if (a === b || isEmpty(b)) return a
  if (isEmpty(a)) return b
  const children = new Map(a.children)
  for (const [element, child] of b.children)
    children.set(element, union(a.children.get(element) ?? noFields, child))
  return replace(a, a.self || b.self, children)
}

/** Takes as long as the smaller one: a write is compared with the fields of each of many managers. */
export function intersection(a: FieldSet, b: FieldSet): FieldSet {
  if (a === b) return a
  const [few, many] = a.children.size <= b.children.size ? [a, b] : [b, a]
  const children = new Map<string, FieldSet>()
  for (const element of few.children.keys()) {
    if (!many.children.has(element)) continue
    const both = intersection(a.children.get(element)!, b.children.get(element)!)
    if (!isEmpty(both)) children.set(element, both)
  }
  return replace(a, a.self && b.self, children)
}

export function difference(a: FieldSet, b: FieldSet): FieldSet {
  if (a === b) return noFields
  if (isEmpty(a) || isEmpty(b)) return a
  const children = new Map<string, FieldSet>()
  for (const [element, child] of a.children)
    children.set(element, difference(child, b.children.get(element) ?? noFields))
  return replace(a, a.self && !b.self, children)
}

/** `a` without what lies at or below the paths of `b`. */
export function without(a: FieldSet, b: FieldSet): FieldSet {
  if (b.self) return noFields
  if (isEmpty(a) || isEmpty(b)) return a
  const children = new Map(a.children)
  for (const [element, other] of b.children) {
    const child = a.children.get(element)
    if (child) children.set(element, without(child, other))
  }
  return replace(a, a.self, children)
}

/** As an element of the second set of {@link within}: whatever stands there. */
export const ANY = '*'

/** Of `a`, what lies at or below the paths of `b`, and on the way to them. */
export function within(a: FieldSet, b: FieldSet): FieldSet {
  if (b.self) return a
  const children = new Map<string, FieldSet>()
  for (const [element, child] of a.children) {
    const other = b.children.get(element) ?? b.children.get(ANY)
    if (other) children.set(element, within(child, other))
  }
  return replace(a, a.self, children)
}

function replace(a: FieldSet, self: boolean, children: Map<string, FieldSet>): FieldSet {
  let isSame = self === a.self && children.size === a.children.size
  for (const [element, child] of children) {
    if (isEmpty(child)) children.delete(element)
    if (a.children.get(element) !== (isEmpty(child) ? undefined : child)) isSame = false
  }
  if (isSame) return a
  if (children.size === 0) return self ? thisField : noFields
  return { self, children }
}

/** Sets outlive a write where they are known by their shape or text, and so does what they look like. */
const formatted = new WeakMap<FieldSet, JSONObject>()

/** As `fieldsV1` of an entry holds it: a dot for a path that is in the set and has longer ones. Shared: not to be changed. */
export function formatFieldsV1(set: FieldSet): JSONObject {
  let fields = formatted.get(set)
  if (!fields) {
    fields = set.self && set.children.size > 0 ? { '.': {} } : {}
    for (const element of [...set.children.keys()].sort())
      setKey(fields, element, formatFieldsV1(set.children.get(element)!))
    formatted.set(set, Object.freeze(fields))
  }
  return fields
}

const texts = new WeakMap<object, string>()

/** The JSON text of what {@link formatFieldsV1} made: half of a stored object, and the same in all that were made of one template. */
export function fieldsV1Text(fields: object): string {
  if (!Object.isFrozen(fields)) return JSON.stringify(fields)
  let text = texts.get(fields)
  if (text === undefined) {
    text = JSON.stringify(fields)
    texts.set(fields, text)
  }
  return text
}

/** By their text: what an object's managers own is read at each write, and objects made of one template own the same. */
const parsed = createCache<FieldSet>({ entries: 250, characters: 8192 })

/** The outermost set, which is no path itself. */
export function parseFieldsV1(fields: JSONObject): FieldSet {
  return parsed.of(JSON.stringify(fields), () => fieldSet(false, parseChildren(fields)))
}

function parseChildren(fields: JSONObject): [string, FieldSet][] {
  const children: [string, FieldSet][] = []
  for (const [element, value] of Object.entries(fields))
    if (isElement(element) && isJSONObject(value)) children.push([element, parseChild(value)])
  return children
}

function parseChild(value: JSONObject): FieldSet {
  const children = parseChildren(value)
  return fieldSet(children.length === 0 || Object.hasOwn(value, '.'), children)
}

/** Clients may send any text here. */
function isElement(text: string): boolean {
  if (text.startsWith('f:')) return true
  if (!/^[kv]:/.test(text)) return false
  try {
    const value: unknown = JSON.parse(text.slice(2))
    return text.startsWith('v:') || isJSONObject(value)
  } catch {
    return false
  }
}

/** The paths of a set as people read them: `.spec.ports[port=80,protocol="TCP"].name`. */
export function pathsOf(set: FieldSet, before = ''): string[] {
  const below = [...set.children]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([element, child]) => pathsOf(child, `${before}${describeElement(element)}`))
  return set.self ? [before, ...below] : below
}

/** `.name`, `[="a"]` or `[port=80,protocol="TCP"]`. */
export function describeElement(element: string): string {
  const text = element.slice(2)
  if (element.startsWith('f:')) return `.${text}`
  if (element.startsWith('v:')) return `[=${text}]`
  const pairs = Object.entries(JSON.parse(text) as Record<string, JSONValue>)
  return `[${pairs.map(([key, value]) => `${key}=${JSON.stringify(value)}`).join(',')}]`
}
