/**
 * Field managers of stored objects. Upstream keeps them from an object's creation on; here they begin with its first
 * server-side apply, so that objects nobody applies stay small. What was there before then belongs to kubectl's
 * client-side apply, as far as its annotation tells, and to `before-first-apply`, upstream's name for the unknown.
 */
import {
  type FieldSet,
  fieldSet,
  intersection,
  thisField,
  union,
  without,
} from '#api/apply/field-set.ts'
import { formatManagedFields, isReset, parseManagedFields } from '#api/apply/managed-fields.ts'
import { type Manager, type Ownerships, recordUpdate, type Write } from '#api/apply/managers.ts'
import type { NodeType } from '#api/apply/node.ts'
import { resourceNode } from '#api/apply/structural-node.ts'
import { compare, fieldsOf } from '#api/apply/typed.ts'
import { isJSONObject, type JSONObject, type JSONValue } from '#api/json.ts'
import type { KindSpec } from '#api/kinds/kind-spec.ts'
import type { KubernetesObject } from '#api/meta.ts'
import { apiVersionOf } from '#api/resources.ts'
import { schemaTypeOf } from '#api/schema/schema.ts'
import { checkObject } from './check-object.ts'
import type { RESTRequest } from './request.ts'
import { timestamp } from './timestamp.ts'

type Writer = Pick<RESTRequest, 'spec' | 'query' | 'userAgent' | 'subresource'>

export const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration'
const CLIENT_SIDE_APPLY = 'kubectl-client-side-apply'
const UNKNOWN = 'before-first-apply'

/** The object with its field managers, after a write that is no apply. */
export function trackFields(
  object: KubernetesObject,
  old: KubernetesObject,
  writer: Writer,
): KubernetesObject {
  const given = object.metadata.managedFields as JSONValue | undefined // came from JSON
  const held = old.metadata.managedFields as JSONValue | undefined
  if (given === undefined && held === undefined) return object
  if (isReset(given) || parseManagedFields(held).length === 0) return withOwners(object, [])
  const sent = parseManagedFields(given)
  // Clients that do not know the field must not delete it by accident.
  const owners = sent.length > 0 ? sent : parseManagedFields(held)
  const write = describeWrite(writer, 'Update', old, owners)
  return withOwners(object, recordUpdate(write, withoutOwners(object)))
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
  { spec, query, userAgent, subresource }: Writer,
  operation: Manager['operation'],
  live: KubernetesObject | undefined,
  owners: Ownerships,
): Write {
  return {
    type: typeOf(spec),
    live: live ? withoutOwners(live) : {},
    owners,
    manager: {
      // apiserver endpoints/handlers/create.go, managerOrUserAgent
      name: query.get('fieldManager') || (userAgent.split('/')[0] ?? ''),
      operation,
      apiVersion: apiVersionOf(spec.resource),
      ...(subresource === undefined ? {} : { subresource }),
    },
    ignored: ignoredOf(spec, subresource),
    now: timestamp(),
  }
}

function typeOf({ resource }: KindSpec): NodeType {
  const { custom } = resource
  if (custom) return resourceNode(custom.schema)
  return { shape: 'one', of: schemaTypeOf(resource)!.name } // every other kind is in the schema
}

/** What nobody owns: apimachinery util/managedfields/internal/stripmeta.go, and a strategy's reset fields. */
function ignoredOf({ subresources }: KindSpec, subresource: string | undefined): FieldSet {
  const all = (names: readonly string[]) =>
    fieldSet(
      false,
      names.map((name) => [`f:${name}`, thisField]),
    )
  const reset =
    subresource === 'status' ? ['spec'] : subresources.includes('status') ? ['status'] : []
  const metadata = [
    'name',
    'namespace',
    'creationTimestamp',
    'selfLink',
    'uid',
    'generation',
    'managedFields',
    'resourceVersion',
  ]
  return union(
    all(['apiVersion', 'kind', ...reset]),
    fieldSet(false, [['f:metadata', all(metadata)]]),
  )
}

/** Who owns what of an object that a server-side apply finds. */
export function ownersBeforeApply(live: KubernetesObject, spec: KindSpec): Ownerships {
  const known = parseManagedFields(live.metadata.managedFields as JSONValue | undefined)
  if (known.length > 0) return known
  const type = typeOf(spec)
  const ignored = ignoredOf(spec, undefined)
  const all = without(compare({}, withoutOwners(live), type).added, ignored)
  const lastApplied = readLastApplied(live, spec)
  const annotation = fieldSet(false, [
    [
      'f:metadata',
      fieldSet(false, [['f:annotations', fieldSet(false, [[`f:${LAST_APPLIED}`, thisField]])]]),
    ],
  ])
  const applied = lastApplied
    ? intersection(all, union(fieldsOf(lastApplied, type), annotation))
    : undefined
  const apiVersion = apiVersionOf(spec.resource)
  const time = live.metadata.creationTimestamp ?? timestamp()
  const entry = (name: string, fields: FieldSet) => ({
    manager: { name, operation: 'Update' as const, apiVersion },
    fields,
    time,
  })
  if (!applied) return [entry(UNKNOWN, all)]
  return [entry(CLIENT_SIDE_APPLY, applied), entry(UNKNOWN, without(all, applied))]
}

/** What kubectl applied last on the client's side and nobody has changed since: its successor may take it over. */
export function fieldsLastApplied(live: KubernetesObject, spec: KindSpec): FieldSet | undefined {
  const lastApplied = readLastApplied(live, spec)
  if (!lastApplied) return undefined
  const type = typeOf(spec)
  const { modified } = compare(lastApplied, withoutOwners(live), type)
  return without(fieldsOf(lastApplied, type), modified)
}

function readLastApplied(live: KubernetesObject, { resource }: KindSpec): JSONObject | undefined {
  try {
    const value: unknown = JSON.parse(live.metadata.annotations?.[LAST_APPLIED] ?? '')
    return isJSONObject(value) ? checkObject(resource, value).object : undefined
  } catch {
    return undefined // anybody may write the annotation
  }
}
