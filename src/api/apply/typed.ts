/** What server-side apply does with values. Source: structured-merge-diff typed/{tofieldset,compare,merge,remove}.go. */
import { createCache } from '../cache.ts'
import { equalJSON, type JSONValue } from '../json.ts'
import {
  describeElement,
  type FieldSet,
  fieldSet,
  noFields,
  thisField,
  union,
} from './field-set.ts'
import { assemble, type Child, childrenOf, elementsOf, type NodeType } from './node.ts'
import { shapeOf } from './shape.ts'

/** The fields that an applied configuration speaks of. */
export function fieldsOf(value: JSONValue, type: NodeType, isItem = false): FieldSet {
  const children = childrenOf(value, type)
  if (!children) return thisField
  const isList = Array.isArray(value)
  if (children.length === 0) return isList ? fieldSet(isItem, []) : thisField
  return fieldSet(
    isItem,
    children.map((child) => [child.element, fieldsOf(child.value, child.type, isList)]),
  )
}

export interface Comparison {
  readonly added: FieldSet
  readonly modified: FieldSet
  readonly removed: FieldSet
}

const none: Comparison = { added: noFields, modified: noFields, removed: noFields }

/** What a write did to each field. */
export function compare(
  before: JSONValue | undefined,
  after: JSONValue | undefined,
  type: NodeType,
  isHeld = false,
): Comparison {
  if (before === undefined && after === undefined) return none
  if (before === undefined || after === undefined) {
    const all = isHeld
      ? withoutSelf(allOf((after ?? before)!, type, isHeld))
      : allOf((after ?? before)!, type, false)
    return after === undefined ? { ...none, removed: all } : { ...none, added: all }
  }
  if (equalJSON(before, after)) return none
  const [was, is] = [childrenOf(before, type), childrenOf(after, type)]
  if (!was || !is) return { ...none, modified: thisField }
  const old = new Map(was.map((child) => [child.element, child]))
  const now = new Map(is.map((child) => [child.element, child]))
  const parts: [string, Comparison][] = []
  const add = (element: string, a: Child | undefined, b: Child | undefined) => {
    const { type: of } = (b ?? a)!
    const part = compare(a?.value, b?.value, of, of.isImplied)
    if (part !== none) parts.push([element, part])
  }
  for (const [element, child] of old) add(element, child, now.get(element))
  for (const [element, child] of now) if (!old.has(element)) add(element, undefined, child)
  const collect = (key: keyof Comparison) =>
    fieldSet(
      false,
      parts.map(([element, part]) => [element, part[key]]),
    )
  return { added: collect('added'), modified: collect('modified'), removed: collect('removed') }
}

/**
 * Everything in a value that came or went, containers included. Where Go holds the container all the same (a struct
 * that is no pointer, a list that is always written), only what is in it came; in a new item all of it did.
 */
function allOf(value: JSONValue, type: NodeType, isHeld: boolean): FieldSet {
  if (value === null || typeof value !== 'object') return thisField // a list may hold many
  const shape = shapeOf(value, type)
  if (shape === undefined) return listAll(value, type, isHeld)
  return sets.of(`${isHeld} ${shape}`, () => listAll(value, type, isHeld))
}

/** By their shape: most objects are made from templates, and so have the same fields as the one before. */
const sets = createCache<FieldSet>({ entries: 250, characters: 8192 })

function listAll(value: JSONValue, type: NodeType, isHeld: boolean): FieldSet {
  const children = childrenOf(value, type)
  if (!children) return thisField
  return fieldSet(
    true,
    children.map((child) => {
      const isImplied = isHeld && child.type.isImplied === true
      const all = listAll(child.value, child.type, isImplied)
      return [child.element, isImplied ? withoutSelf(all) : all]
    }),
  )
}

const withoutSelf = ({ children }: FieldSet): FieldSet =>
  children.size === 0 ? noFields : { self: false, children }

/** The first list that holds two items of one key, which no configuration may: where, and which key. */
export function findDuplicate(value: JSONValue, type: NodeType, path = ''): string | undefined {
  if (Array.isArray(value)) {
    const seen = new Set<string>()
    for (const element of elementsOf(value, type)) {
      if (seen.has(element)) return `${path}: duplicate entries for key ${describeElement(element)}`
      seen.add(element)
    }
  }
  for (const child of childrenOf(value, type) ?? []) {
    const found = findDuplicate(child.value, child.type, path + describeElement(child.element))
    if (found !== undefined) return found
  }
  return undefined
}

/** `live` with what `config` says; items of lists follow the order of `config`. */
export function merge(live: JSONValue | undefined, config: JSONValue, type: NodeType): JSONValue {
  if (live === undefined) return config
  if (config === null) return live
  const [held, wanted] = [childrenOf(live, type), childrenOf(config, type)]
  if (!held || !wanted) return config
  const merged = new Map(wanted.map((child) => [child.element, child]))
  for (const { element, value, type: of } of held) {
    const wish = merged.get(element)
    if (wish) merged.set(element, { ...wish, value: merge(value, wish.value, of) })
  }
  return assemble(
    config,
    inOrder(held, wanted).map((child) => merged.get(child.element) ?? child),
  )
}

/** The wanted ones in their order; what only is there stays before what it stood before. */
function inOrder(held: readonly Child[], wanted: readonly Child[]): Child[] {
  const isWanted = new Set(wanted.map(({ element }) => element))
  const taken = new Set<string>()
  const ordered: Child[] = []
  let at = 0
  const takeUnwanted = () => {
    for (; at < held.length; at++) {
      const child = held[at]!
      if (taken.has(child.element)) continue
      if (isWanted.has(child.element)) return
      ordered.push(child)
    }
  }
  for (const child of wanted) {
    takeUnwanted()
    ordered.push(child)
    taken.add(child.element)
  }
  takeUnwanted()
  return ordered
}

/** `value` without the fields of `dropped`, unless somebody owns them or what is in them. */
export function prune(
  value: JSONValue,
  type: NodeType,
  dropped: FieldSet,
  owned: FieldSet,
): JSONValue {
  const children = childrenOf(value, type)
  if (!children) return value
  const kept = children.flatMap((child) => {
    const lost = dropped.children.get(child.element)
    if (!lost) return [child]
    const holders = owned.children.get(child.element)
    if (!holders) return []
    return [{ ...child, value: prune(child.value, child.type, lost, holders) }]
  })
  return assemble(value, kept)
}

/** By halves: one after another, the sum would be copied for each. */
export function unionOf(sets: readonly FieldSet[]): FieldSet {
  if (sets.length <= 1) return sets[0] ?? noFields
  const middle = sets.length >> 1
  return union(unionOf(sets.slice(0, middle)), unionOf(sets.slice(middle)))
}
