/** Who owns which fields, and what an apply or another write changes in that. Source: structured-merge-diff merge/update.go. */
import { equalJSON, type JSONObject } from '../json.ts'
import {
  difference,
  type FieldSet,
  intersection,
  isEmpty,
  noFields,
  pathsOf,
  union,
  without,
} from './field-set.ts'
import type { NodeType } from './node.ts'
import { type Comparison, compare, fieldsOf, merge, prune, unionOf } from './typed.ts'

/** One writer in one role: the same name may own fields by applying and others by updating. */
export interface Manager {
  readonly name: string
  readonly operation: 'Apply' | 'Update'
  readonly apiVersion: string
  readonly subresource?: string
}

export interface Ownership {
  readonly manager: Manager
  readonly fields: FieldSet
  /** When `fields` last changed. */
  readonly time: string
}

export type Ownerships = readonly Ownership[]

export interface Conflict {
  readonly manager: Manager
  readonly path: string
}

export interface Write {
  readonly type: NodeType
  readonly live: JSONObject
  readonly owners: Ownerships
  readonly manager: Manager
  /** What nobody can own here: names, and the other half of spec and status. */
  readonly ignored: FieldSet
  readonly now: string
}

export type Applied =
  | { readonly kind: 'conflict'; readonly conflicts: readonly Conflict[] }
  | { readonly kind: 'applied'; readonly object: JSONObject; readonly owners: Ownerships }

/** Merges a configuration, and drops what the same manager applied before and does not any more. */
export function applyConfig(
  { type, live, owners, manager, ignored, now }: Write,
  config: JSONObject,
  force: boolean,
): Applied {
  const spoken = fieldsOf(config, type)
  const fields = without(spoken, ignored)
  const own = owners.find((owner) => isSame(owner.manager, manager))
  const others = owners.filter((owner) => owner !== own)
  const merged = merge(live, config, type)
  const owned = unionOf([spoken, ...others.map((owner) => owner.fields)])
  const object = prune(merged, type, own?.fields ?? noFields, owned) as JSONObject // as its configuration
  const change = compare(live, object, type)
  const conflicts = others.flatMap((owner) =>
    pathsOf(taken(owner, change)).map((path) => ({ manager: owner.manager, path })),
  )
  if (conflicts.length > 0 && !force) return { kind: 'conflict', conflicts }
  const left = lose(others, change, now)
  return { kind: 'applied', object, owners: settle([...left, renew(own, manager, fields, now)]) }
}

/** The owners after a write that is no apply: what it changed is its own. */
export function recordUpdate(
  { type, live, owners, manager, ignored, now }: Write,
  object: JSONObject,
): Ownerships {
  const change = compare(live, object, type)
  const own = owners.find((owner) => isSame(owner.manager, manager))
  const others = owners.filter((owner) => owner !== own)
  const kept = difference(own?.fields ?? noFields, change.removed)
  const fields = without(unionOf([kept, change.modified, change.added]), ignored)
  return capUpdates(settle([...lose(others, change, now), renew(own, manager, fields, now)]))
}

/** As apimachinery util/managedfields/internal/capmanagers.go: the oldest become one, so that names cannot pile up. */
const MAX_UPDATE_MANAGERS = 10
const ANCIENT = 'ancient-changes'

/** Takes owners in order: updates come by time. */
function capUpdates(owners: Ownerships): Ownerships {
  const isAncient = ({ manager }: Ownership) => manager.name === ANCIENT
  const all = owners.filter(({ manager }) => manager.operation === 'Update')
  const updates = [...all.filter(isAncient), ...all.filter((owner) => !isAncient(owner))]
  if (updates.length <= MAX_UPDATE_MANAGERS) return owners
  const old = updates.slice(0, updates.length - MAX_UPDATE_MANAGERS + 1)
  const byVersion = Map.groupBy(old, ({ manager }) => manager.apiVersion)
  const ancient = [...byVersion].map(([apiVersion, its]) => ({
    manager: { name: ANCIENT, operation: 'Update' as const, apiVersion },
    fields: unionOf(its.map(({ fields }) => fields)),
    time: its.at(-1)!.time,
  }))
  return settle([...owners.filter((owner) => !old.includes(owner)), ...ancient])
}

/** An applier is one whatever version it uses. */
const isSame = (a: Manager, b: Manager) =>
  a.name === b.name &&
  a.operation === b.operation &&
  a.subresource === b.subresource &&
  (a.operation === 'Apply' || a.apiVersion === b.apiVersion)

const taken = ({ fields }: Ownership, { modified, added }: Comparison) =>
  intersection(fields, union(modified, added))

function lose(owners: Ownerships, change: Comparison, now: string): Ownership[] {
  return owners.map((owner) => {
    const fields = difference(difference(owner.fields, taken(owner, change)), change.removed)
    return renew(owner, owner.manager, fields, now)
  })
}

function renew(
  old: Ownership | undefined,
  manager: Manager,
  fields: FieldSet,
  now: string,
): Ownership {
  const isUnchanged = old && equalJSON(pathsOf(old.fields), pathsOf(fields))
  return { manager, fields, time: isUnchanged ? old.time : now }
}

/** As apimachinery util/managedfields/internal/managedfields.go sorts them. */
function settle(owners: Ownerships): Ownerships {
  const key = ({ manager, time }: Ownership) =>
    [manager.operation, time, manager.name, manager.apiVersion, manager.subresource ?? ''].join(
      '\0',
    )
  return owners
    .filter(({ fields }) => !isEmpty(fields))
    .toSorted((a, b) => (key(a) < key(b) ? -1 : 1))
}
