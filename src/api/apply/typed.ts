/** What server-side apply does with values. Source: structured-merge-diff typed/{tofieldset,compare,merge,remove}.go. */
import { equalJSON, type JSONValue } from '../json.ts'
import { type FieldSet, fieldSet, noFields, thisField, union } from './field-set.ts'
import { assemble, type Child, childrenOf, type NodeType } from './node.ts'

/** The fields that an applied configuration speaks of. */
export function fieldsOf(value: JSONValue, type: NodeType, isItem = false): FieldSet {
  const children = childrenOf(value, type)
  if (!children || children.length === 0) return thisField
  const isList = Array.isArray(value)
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

/** What a write did to each field. */
export function compare(
  before: JSONValue | undefined,
  after: JSONValue | undefined,
  type: NodeType,
): Comparison {
  const none = { added: noFields, modified: noFields, removed: noFields }
  if (before === undefined && after === undefined) return none
  if (before === undefined) return { ...none, added: allOf(after!, type) }
  if (after === undefined) return { ...none, removed: allOf(before, type) }
  const [was, is] = [childrenOf(before, type), childrenOf(after, type)]
  if (!was || !is) return equalJSON(before, after) ? none : { ...none, modified: thisField }
  const old = new Map(was.map((child) => [child.element, child]))
  const now = new Map(is.map((child) => [child.element, child]))
  const parts = [...new Set([...old.keys(), ...now.keys()])].map((element) => {
    const [a, b] = [old.get(element), now.get(element)]
    return [element, compare(a?.value, b?.value, (b ?? a)!.type)] as const
  })
  const collect = (key: keyof Comparison) =>
    fieldSet(
      false,
      parts.map(([element, part]) => [element, part[key]]),
    )
  return { added: collect('added'), modified: collect('modified'), removed: collect('removed') }
}

/** Everything in a value that came or went, containers included. */
function allOf(value: JSONValue, type: NodeType): FieldSet {
  const children = childrenOf(value, type)
  if (!children) return thisField
  const self = !type.isImplied || children.length === 0
  return fieldSet(
    self,
    children.map((child) => [child.element, allOf(child.value, child.type)]),
  )
}

/** `live` with what `config` says; items of lists follow the order of `config`. */
export function merge(live: JSONValue | undefined, config: JSONValue, type: NodeType): JSONValue {
  if (live === undefined) return config
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
  const rest = [...held]
  const ordered: Child[] = []
  const takeUnwanted = () => {
    while (rest[0] && !isWanted.has(rest[0].element)) ordered.push(rest.shift()!)
  }
  for (const child of wanted) {
    takeUnwanted()
    ordered.push(child)
    const at = rest.findIndex(({ element }) => element === child.element)
    if (at >= 0) rest.splice(at, 1)
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

export const unionOf = (sets: Iterable<FieldSet>): FieldSet => [...sets].reduce(union, noFields)
