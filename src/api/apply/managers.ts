/** Who owns which fields, and what an apply or another write changes in that. Source: structured-merge-diff merge/update.go. */
import { type Cache, createCache } from '../cache.ts'
import { equalJSON, type JSONObject } from '../json.ts'
import { type Pace, type Steps, takeAll, takeInTurns } from '../steps.ts'
import {
  difference,
  type FieldSet,
  fieldSet,
  intersection,
  isEmpty,
  noFields,
  pathsOf,
  thisField,
  union,
  within,
  without,
} from './field-set.ts'
import type { NodeType } from './node.ts'
import { shapeOf } from './shape.ts'
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
  /** When the manager last changed the object; absent for one that applied only what was so already. */
  readonly time?: string
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
  /** What writes here do not change, as the strategy of the kind says: the other half of spec and status. */
  readonly reset: FieldSet
  /** All that the write may own, where that is not the whole object. */
  readonly kept?: FieldSet
  readonly now: string
}

export type Applied =
  | { readonly kind: 'conflict'; readonly conflicts: readonly Conflict[] }
  | { readonly kind: 'applied'; readonly object: JSONObject; readonly owners: Ownerships }

/**
 * What nobody owns: names, and what only the server writes.
 * Source: apimachinery util/managedfields/internal/stripmeta.go.
 */
const UNOWNED = fieldSet(false, [
  ['f:apiVersion', thisField],
  ['f:kind', thisField],
  [
    'f:metadata',
    fieldSet(
      true,
      [
        'name',
        'namespace',
        'creationTimestamp',
        'selfLink',
        'uid',
        'clusterName',
        'generation',
        'managedFields',
        'resourceVersion',
      ].map((name) => [`f:${name}`, thisField]),
    ),
  ],
])

/** Merges a configuration, and drops what the same manager applied before and does not any more. */
export const applyConfig = (write: Write, config: JSONObject, force: boolean): Applied =>
  takeAll(applySteps(write, config, force))

/** As {@link applyConfig}, of configurations that may be large. */
export const applyInTurns = (write: Write, config: JSONObject, force: boolean, pace: Pace) =>
  takeInTurns(applySteps(write, config, force), pace)

/** The owners after a write that is no apply: what it changed is its own. */
export const recordUpdate = (write: Write, object: JSONObject): Ownerships =>
  takeAll(recordSteps(write, object))

/** As {@link recordUpdate}, of objects that may be large. */
export const recordInTurns = (write: Write, object: JSONObject, pace: Pace) =>
  takeInTurns(recordSteps(write, object), pace)

function* applySteps(write: Write, config: JSONObject, force: boolean): Steps<Applied> {
  const { type, live, owners, manager, now } = write
  const spoken = ownable(fieldsOf(config, type), write)
  yield
  const own = owners.find((owner) => isSame(owner.manager, manager))
  const others = owners.filter((owner) => owner !== own)
  const merged = merge(live, config, type)
  yield
  const owned = unionOf([spoken, ...others.map((owner) => owner.fields)])
  yield
  const object = prune(merged, type, own?.fields ?? noFields, owned) as JSONObject // as its configuration
  yield
  const change = changeOf(compare(live, object, type), write)
  yield
  const written = union(change.modified, change.added)
  const conflicts = others.flatMap((owner) =>
    pathsOf(intersection(owner.fields, written)).map((path) => ({ manager: owner.manager, path })),
  )
  if (conflicts.length > 0 && !force) return { kind: 'conflict', conflicts }
  yield
  const fields = difference(spoken, UNOWNED)
  const time = equalJSON(live, object) ? own?.time : now
  const mine = { manager, fields, ...(time === undefined ? {} : { time }) }
  yield
  return { kind: 'applied', object, owners: settle([...lose(others, change), mine]) }
}

function* recordSteps(write: Write, object: JSONObject): Steps<Ownerships> {
  const { type, live, owners, manager, now } = write
  if (owners.length === 0 && Object.keys(live).length === 0) {
    const fields = fieldsOfNew(object, write)
    return isEmpty(fields) ? [] : [{ manager, fields, time: now }]
  }
  const change = changeOf(compare(live, object, type), write)
  yield
  const left = lose(owners, change)
  const changed = difference(union(change.modified, change.added), UNOWNED)
  yield
  if (isEmpty(changed)) return capUpdates(settle(left))
  const own = left.find((owner) => isSame(owner.manager, manager))
  const fields = own ? union(own.fields, changed) : changed
  const others = left.filter((owner) => owner !== own)
  yield
  return capUpdates(settle([...others, { manager, fields, time: now }]))
}

/** What the writer of a new object owns. Known by the object's shape: most are made from templates. */
function fieldsOfNew(object: JSONObject, write: Write): FieldSet {
  const { type, reset, kept } = write
  const find = () => difference(changeOf(compare({}, object, type), write).added, UNOWNED)
  const shape = kept ? undefined : shapeOf(object, type)
  if (shape === undefined) return find()
  let known = ofNew.get(reset)
  if (!known) {
    known = createCache({ entries: 250, characters: 8192 })
    ofNew.set(reset, known)
  }
  return known.of(shape, find)
}

const ofNew = new WeakMap<FieldSet, Cache<FieldSet>>()

const changeOf = ({ added, modified, removed }: Comparison, write: Write): Comparison => ({
  added: ownable(added, write),
  modified: ownable(modified, write),
  removed: ownable(removed, write),
})

const ownable = (fields: FieldSet, { reset, kept }: Write): FieldSet =>
  kept ? within(fields, kept) : without(fields, reset)

/** As apimachinery util/managedfields/internal/capmanagers.go: the oldest become one, so that names cannot pile up. */
const MAX_UPDATE_MANAGERS = 10
const ANCIENT = 'ancient-changes'

function capUpdates(owners: Ownerships): Ownerships {
  const updates = owners.filter(({ manager }) => manager.operation === 'Update')
  if (updates.length <= MAX_UPDATE_MANAGERS) return owners
  const oldestFirst = updates.toSorted((a, b) => (ageOf(a) < ageOf(b) ? -1 : 1))
  const buckets = new Map<string, Ownership[]>()
  let count = updates.length
  for (const owner of oldestFirst) {
    if (count <= MAX_UPDATE_MANAGERS) break
    const bucket = buckets.get(owner.manager.apiVersion)
    if (bucket) {
      bucket.push(owner)
      count--
    } else buckets.set(owner.manager.apiVersion, [owner])
  }
  const left = new Set(owners)
  for (const [apiVersion, bucket] of buckets) {
    if (bucket.length === 1) continue
    for (const owner of bucket) left.delete(owner)
    const { time } = bucket.at(-1)!
    left.add({
      manager: { name: ANCIENT, operation: 'Update', apiVersion },
      fields: unionOf(bucket.map(({ fields }) => fields)),
      ...(time === undefined ? {} : { time }),
    })
  }
  return settle([...left])
}

const ageOf = ({ manager: { name, apiVersion, subresource = '' }, time = '' }: Ownership) =>
  [time, JSON.stringify(name), apiVersion, subresource].join('\0')

/** An applier is one whatever version it uses. */
const isSame = (a: Manager, b: Manager) =>
  a.name === b.name &&
  a.operation === b.operation &&
  a.subresource === b.subresource &&
  (a.operation === 'Apply' || a.apiVersion === b.apiVersion)

function lose(owners: Ownerships, { modified, added, removed }: Comparison): Ownership[] {
  const written = union(modified, added)
  return owners.map((owner) => {
    const lost = union(intersection(owner.fields, written), intersection(owner.fields, removed))
    return isEmpty(lost) ? owner : { ...owner, fields: difference(owner.fields, lost) }
  })
}

/** Without those who own nothing, and sorted as apimachinery util/managedfields/internal/managedfields.go does. */
export function settle(owners: Ownerships): Ownerships {
  const key = ({ manager, time = '' }: Ownership) =>
    [manager.operation, time, manager.name, manager.apiVersion, manager.subresource ?? ''].join(
      '\0',
    )
  return owners
    .filter(({ fields }) => !isEmpty(fields))
    .toSorted((a, b) => (key(a) < key(b) ? -1 : 1))
}
