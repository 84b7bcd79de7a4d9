/** Field managers of stored objects: who owns what, from an object's creation on. */
import {
  ANY,
  difference,
  type FieldSet,
  fieldSet,
  noFields,
  thisField,
  union,
} from '#api/apply/field-set.ts'
import {
  formatManagedFields,
  isReset,
  parseInTurns,
  parseManagedFields,
} from '#api/apply/managed-fields.ts'
import {
  type Manager,
  type Ownerships,
  recordInTurns,
  recordUpdate,
  settle,
  type Write,
} from '#api/apply/managers.ts'
import type { NodeType } from '#api/apply/node.ts'
import { resourceNode } from '#api/apply/structural-node.ts'
import { compare, fieldsOf, unionOf } from '#api/apply/typed.ts'
import { equalJSON, isJSONObject, type JSONObject, type JSONValue } from '#api/json.ts'
import type { KindSpec } from '#api/kinds/kind-spec.ts'
import type { KubernetesObject } from '#api/meta.ts'
import { apiVersionOf } from '#api/resources.ts'
import { schemaTypeOf } from '#api/schema/schema.ts'
import { checkObject } from './check-object.ts'
import type { Pace } from './pace.ts'
import { printed } from './record.ts'
import type { RESTRequest } from './request.ts'
import { timestamp } from './timestamp.ts'

export type Writer = Pick<RESTRequest, 'spec' | 'query' | 'userAgent' | 'subresource' | 'through'>

/** The subresource by which it is written, whether it is an object of its own or a part; undefined for the whole. */
export const partOf = ({ subresource, through }: Writer): string | undefined =>
  through ?? subresource

export const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration'
const UNKNOWN = 'before-first-apply'

/**
 * The object with its field managers, after a write that is no apply; without `old` it is new.
 * Source: apimachinery util/managedfields/internal/{fieldmanager,skipnonapplied}.go.
 */
export async function trackFields(
  object: KubernetesObject,
  old: KubernetesObject | undefined,
  writer: Writer,
  pace: Pace = () => undefined,
): Promise<KubernetesObject> {
  const given = object.metadata.managedFields as JSONValue | undefined // came from JSON
  const held = await parseInTurns(old?.metadata.managedFields as JSONValue | undefined, pace)
  await pace()
  const part = partOf(writer)
  const isMain = part === undefined
  // Clients that do not know the field must not delete it by accident.
  const sent = isMain ? await parseInTurns(given, pace) : []
  await pace()
  const owners = isMain && isReset(given) ? [] : sent.length > 0 ? sent : held
  if (old && owners.length === 0) return withOwners(object, [])
  const write = describeWrite(writer, 'Update', old, owners)
  const shown = withoutOwners(printed(object, writer.spec.resource))
  await pace()
  const after = await recordInTurns(write, shown, pace)
  await pace()
  return withOwners(object, part === 'scale' ? afterScale(after, owners) : after)
}

/**
 * A scale has the owners of spec.replicas alone: where there was none, none is kept; and no times.
 * Source: apimachinery util/managedfields/scalehandler.go.
 */
export function afterScale(after: Ownerships, before: Ownerships): Ownerships {
  const owns = ({ fields }: Ownerships[number]) =>
    fields.children.get('f:spec')?.children.has('f:replicas') ?? false
  const isScale = ({ manager }: Ownerships[number]) => manager.subresource === 'scale'
  const kept = before.some(owns) ? after : after.filter((owner) => !isScale(owner))
  return settle(
    kept.map((owner) =>
      isScale(owner) ? { manager: owner.manager, fields: owner.fields } : owner,
    ),
  )
}

/**
 * Where a write changed nothing but the times of its managers, these stay as they were.
 * Source: apiserver endpoints/handlers/fieldmanager/equality.go.
 */
export function keepTimes(object: KubernetesObject, old: KubernetesObject): KubernetesObject {
  const now = object.metadata.managedFields ?? []
  const before = old.metadata.managedFields ?? []
  if (now.length === 0 || now.length !== before.length) return object
  const kept = { ...object, metadata: { ...object.metadata, managedFields: before } }
  if (!equalJSON(kept, old)) return object
  // A newer time may have moved an entry.
  const timeless = (entry: object) => JSON.stringify({ ...entry, time: undefined })
  const isSame = equalJSON(now.map(timeless).sort(), before.map(timeless).sort())
  return isSame ? kept : object
}

export function withOwners(object: KubernetesObject, owners: Ownerships): KubernetesObject {
  const { managedFields: _, ...metadata } = object.metadata
  const entries = formatManagedFields(owners)
  return {
    ...object,
    metadata: { ...metadata, ...(entries.length > 0 ? { managedFields: entries } : {}) },
  }
}

export function withoutOwners(object: KubernetesObject): JSONObject {
  return withOwners(object, []) as unknown as JSONObject // came from JSON
}

export function describeWrite(
  writer: Writer,
  operation: Manager['operation'],
  live: KubernetesObject | undefined,
  owners: Ownerships,
): Write {
  const { spec, query, userAgent } = writer
  const subresource = partOf(writer)
  return {
    type: typeOf(spec),
    live: live ? withoutOwners(live) : {},
    owners,
    manager: {
      name: managerOf(query, userAgent),
      operation,
      apiVersion: apiVersionOf(spec.resource),
      ...(subresource === undefined ? {} : { subresource }),
    },
    reset: resetOf(spec, subresource),
    ...(subresource && KEPT_BY_PART[subresource] && { kept: KEPT_BY_PART[subresource] }),
    now: timestamp(),
  }
}

const MAX_MANAGER_BYTES = 128
const UNPRINTABLE = /[\p{C}\p{Zl}\p{Zp}]|(?! )\p{Zs}/gu

/** apiserver endpoints/handlers/create.go, managerOrUserAgent */
function managerOf(query: URLSearchParams, userAgent: string): string {
  const given = query.get('fieldManager')
  if (given) return given
  const product = userAgent.split('/', 1)[0] ?? ''
  // Nearly all are so, and need no more.
  if (/^[ -~]{1,128}$/.test(product)) return product
  const agent = Buffer.from(product.replaceAll(UNPRINTABLE, ''))
  return agent.toString('utf8', 0, MAX_MANAGER_BYTES) || 'unknown'
}

export function typeOf({ resource }: Pick<KindSpec, 'resource'>): NodeType {
  const { custom } = resource
  if (custom) return resourceNode(custom.schema)
  return { shape: 'one', of: schemaTypeOf(resource)!.name } // every other kind is in the schema
}

const fieldsNamed = (names: readonly string[]): FieldSet =>
  fieldSet(
    false,
    names.map((name) => [`f:${name}`, thisField]),
  )

const STATUS = fieldsNamed(['status'])
const SPEC = fieldsNamed(['spec'])

/** What a status of these kinds leaves alone besides the spec: GetResetFields in pkg/registry. */
const RESET_BY_STATUS: Readonly<Record<string, FieldSet>> = {
  '/pods': withMetadata(['deletionTimestamp', 'ownerReferences']),
  'apps/deployments': withMetadata(['labels']),
}

/** All that a writer of such a part may own: the filters of the strategies in pkg/registry/core/pod/strategy.go. */
const KEPT_BY_PART: Readonly<Record<string, FieldSet>> = {
  ephemeralcontainers: fieldSet(false, [['f:spec', fieldsNamed(['ephemeralContainers'])]]),
  resize: fieldSet(false, [
    ['f:spec', fieldSet(false, [['f:containers', eachWith(['resources', 'resizePolicy'])]])],
  ]),
}

function eachWith(names: readonly string[]): FieldSet {
  return fieldSet(false, [[ANY, fieldsNamed(names)]])
}

function withMetadata(names: readonly string[]): FieldSet {
  return union(SPEC, fieldSet(false, [['f:metadata', fieldsNamed(names)]]))
}

function resetOf(
  { resource: { group, plural }, subresources }: KindSpec,
  subresource: string | undefined,
): FieldSet {
  if (subresource !== 'status') return subresources.includes('status') ? STATUS : noFields
  return RESET_BY_STATUS[`${group}/${plural}`] ?? SPEC
}

/** Who owns what of an object that a server-side apply finds. */
export function ownersBeforeApply(live: KubernetesObject, writer: Writer): Ownerships {
  const known = parseManagedFields(live.metadata.managedFields as JSONValue | undefined)
  if (known.length > 0) return known
  const { manager, ...write } = describeWrite(writer, 'Update', undefined, [])
  return recordUpdate({ ...write, manager: { ...manager, name: UNKNOWN } }, withoutOwners(live))
}

/**
 * What kubectl applied last on the client's side and nobody has changed since: its successor may take it over.
 * Source: apimachinery util/managedfields/internal/lastappliedmanager.go.
 */
export function fieldsLastApplied(live: KubernetesObject, spec: KindSpec): FieldSet | undefined {
  const lastApplied = readLastApplied(live, spec)
  if (!lastApplied) return undefined
  const type = typeOf(spec)
  const { modified, added, removed } = compare(lastApplied, withoutOwners(live), type)
  return difference(fieldsOf(lastApplied, type), unionOf([modified, added, removed]))
}

function readLastApplied(live: KubernetesObject, { resource }: KindSpec): JSONObject | undefined {
  try {
    const value: unknown = JSON.parse(live.metadata.annotations?.[LAST_APPLIED] ?? '')
    const isOurs = isJSONObject(value) && value.apiVersion === apiVersionOf(resource)
    return isOurs ? checkObject(resource, value).object : undefined
  } catch {
    return undefined // anybody may write the annotation
  }
}
