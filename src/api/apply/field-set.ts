/**
 * Sets of field paths, as trees. An element of a path is written as metadata.managedFields writes it: `f:name` for a
 * field or a map's key, `k:{"name":"a"}` for an item of a list that is a map, `v:"a"` for one of a list that is a set.
 * Source: structured-merge-diff fieldpath/{set,serialize,serialize-pe}.go.
 */
import { isJSONObject, type JSONObject, type JSONValue } from '../json.ts'

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
  return { self, children: new Map([...children].filter(([, child]) => !isEmpty(child))) }
}

export const union = (a: FieldSet, b: FieldSet) => combine(a, b, (inA, inB) => inA || inB)
export const intersection = (a: FieldSet, b: FieldSet) => combine(a, b, (inA, inB) => inA && inB)
export const difference = (a: FieldSet, b: FieldSet) => combine(a, b, (inA, inB) => inA && !inB)

type Keep = (inA: boolean, inB: boolean) => boolean

function combine(a: FieldSet, b: FieldSet, keep: Keep): FieldSet {
  const elements = new Set([...a.children.keys(), ...b.children.keys()])
  const children = [...elements].map((element) => {
    const [inA, inB] = [a, b].map((set) => set.children.get(element) ?? noFields)
    return [element, combine(inA!, inB!, keep)] as const
  })
  return fieldSet(keep(a.self, b.self), children)
}

/** `a` without what lies at or below the paths of `b`. */
export function without(a: FieldSet, b: FieldSet): FieldSet {
  if (b.self) return noFields
  const children = [...a.children].map(([element, child]) => {
    const other = b.children.get(element)
    return [element, other ? without(child, other) : child] as const
  })
  return fieldSet(a.self, children)
}

/** As `fieldsV1` of an entry holds it: a dot for a path that is in the set and has longer ones. */
export function formatFieldsV1({ self, children }: FieldSet): JSONObject {
  const inner = [...children]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([element, child]) => [element, formatFieldsV1(child)] as const)
  return Object.fromEntries(self && inner.length > 0 ? [['.', {}] as const, ...inner] : inner)
}

/** The outermost set, which is no path itself. */
export function parseFieldsV1(fields: JSONObject): FieldSet {
  return fieldSet(false, parseChildren(fields))
}

function parseChildren(fields: JSONObject): [string, FieldSet][] {
  return Object.entries(fields).flatMap(([element, value]) => {
    if (!isElement(element) || !isJSONObject(value)) return []
    const children = parseChildren(value)
    const self = children.length === 0 || Object.hasOwn(value, '.')
    return [[element, fieldSet(self, children)]]
  })
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
