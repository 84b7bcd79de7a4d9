import type { Namespace } from '#api/core.ts'
import { type FieldError, invalid as invalidField } from '#api/field-error.ts'
import { equalJSON } from '#api/json.ts'
import type { KindSpec } from '#api/kinds/kind-spec.ts'
import type { KubernetesObject } from '#api/meta.ts'
import { badRequest, conflict, invalid, unexplained } from '#api/status.ts'
import { validateObjectMetaUpdate } from '#api/validation/object-meta.ts'
import type { StoredItem } from '../storage/store.ts'
import { admit } from './admit.ts'
import { findItem, parseRevision } from './find-item.ts'
import { encodeRecord, objectOf, withoutNulls } from './record.ts'
import type { RESTDeps, RESTRequest } from './request.ts'
import { keepTimes, trackFields } from './track-fields.ts'
import { namespaceMismatch, unnamed } from './verbs/create.ts'

type Target = Pick<
  RESTRequest,
  'spec' | 'namespace' | 'name' | 'subresource' | 'warn' | 'query' | 'userAgent' | 'user'
> &
  Partial<Pick<RESTRequest, 'pace' | 'through'>>
type Written = Pick<StoredItem, 'value' | 'modRevision'>

export interface Mutation {
  readonly dryRun: boolean
  /** The wanted object. Called again when another write came first; to be conditional, keep a resourceVersion. */
  /** `change` says itself who owns the fields. */
  readonly isApply?: boolean
  /** The whole object was sent: its uid must be that of the one it replaces. */
  readonly isUpdate?: boolean
  readonly change: (current: KubernetesObject) => KubernetesObject | Promise<KubernetesObject>
}

/**
 * Changes the object that the request names: as update and patch do, by the rules of its kind, and with
 * compare-and-set against the store. @throws StatusError
 */
export async function mutate(
  target: Target,
  deps: RESTDeps,
  { change, dryRun, isApply = false, isUpdate = false }: Mutation,
): Promise<Written> {
  for (;;) {
    const item = await findItem(target, deps)
    const live = objectOf(item, target.spec.resource)
    await target.pace?.()
    const wanted = await change(live)
    await target.pace?.()
    const old = withoutNulls(live, target.spec.resource)
    checkIdentity(wanted, old, target, isUpdate)
    const defaulted = target.spec.default(keepMetadata(wanted, old))
    await target.pace?.()
    const owned = isApply ? defaulted : await trackFields(defaulted, live, target, target.pace)
    await target.pace?.()
    const prepared = prepare(owned, old, target)
    const written = await write(prepared, old, item, target, deps, dryRun)
    if (written) return written
  }
}

/** Undefined when another write came first. */
async function write(
  prepared: KubernetesObject,
  old: KubernetesObject,
  item: StoredItem,
  target: Target,
  deps: RESTDeps,
  dryRun: boolean,
): Promise<Written | undefined> {
  const { spec, subresource, warn, name, user, pace } = target
  const { resource } = spec
  const { object, check, settle } = await admit(deps, {
    operation: 'UPDATE',
    resource,
    object: prepared,
    old,
    dryRun,
    user,
    // Who scales says nothing of what is scaled.
    ...(target.through === 'scale' ? {} : { warn }),
    ...(subresource === undefined ? {} : { subresource }),
  })
  let stored = false
  try {
    await pace?.()
    // Asked twice, here and by the kind: registry/rest/update.go, BeforeUpdate, too.
    const asMetadata = validateObjectMetaUpdate(object.metadata, old.metadata, {
      freeFinalizers: true,
    })
    await pace?.()
    const asKind =
      subresource === 'status'
        ? (spec.validateStatusUpdate?.(object, old) ?? [])
        : spec.validateUpdate(object, old)
    await pace?.()
    const ruled = spec.checkRules && (await checkRules(object, old, asKind, target))
    const errors = [...asMetadata, ...asKind, ...(ruled?.errors ?? [])]
    if (errors.length > 0) throw invalid(resource, name, errors)
    await check()
    const warnings =
      subresource === 'status'
        ? spec.statusWarnings?.(object)
        : subresource === undefined && spec.warnings?.(object, old)
    for (const warning of [...(ruled?.warnings ?? []), ...(warnings || [])]) warn(warning)
    const settled = keepTimes(object, old)
    await pace?.()
    const value = encodeRecord(settled, resource)
    await pace?.()
    if (dryRun || isSame(value, item.value)) return { value, modRevision: item.modRevision }
    const finished = isFinished(object)
    const result = finished
      ? await deps.store.delete(item.key, item.modRevision)
      : await deps.store.update(item.key, item.modRevision, value)
    stored = result.ok
    if (finished && result.ok) await settleDeletion(object, target, deps)
    // A deletion shows the object as it was written last.
    const shown = finished ? item.modRevision : result.ok ? result.revision : 0
    return result.ok ? { value, modRevision: shown } : undefined
  } finally {
    await settle(stored)
  }
}

/** Rules that users bring; the status of a definition has none. */
async function checkRules(
  object: KubernetesObject,
  old: KubernetesObject,
  found: readonly FieldError[],
  { spec, subresource, pace }: Target,
) {
  if (subresource === 'status' && !spec.resource.custom) return undefined
  return spec.checkRules?.(object, old, found, pace)
}

/** The update took the last finalizer, and so was a deletion. */
async function settleDeletion(object: KubernetesObject, { spec }: Target, deps: RESTDeps) {
  const deletion = { operation: 'DELETE', resource: spec.resource, object, dryRun: false } as const
  const { settle } = await admit(deps, deletion)
  await settle(true)
}

/** A write that changes nothing takes no revision, whatever the order of its keys, which leaves the length alone. */
function isSame(value: string, stored: string): boolean {
  if (value === stored) return true
  return value.length === stored.length && equalJSON(JSON.parse(value), JSON.parse(stored))
}

/** A kind of the core group; another group may have one of the same name. */
export const isCore = ({ kind, apiVersion }: KubernetesObject, wanted: string): boolean =>
  kind === wanted && apiVersion === 'v1'

/** It was being deleted, and nothing holds it any more. */
export function isFinished(object: KubernetesObject): boolean {
  const { deletionTimestamp, deletionGracePeriodSeconds, finalizers = [] } = object.metadata
  if (!deletionTimestamp || finalizers.length > 0) return false
  if (!isCore(object, 'Namespace')) return deletionGracePeriodSeconds === 0
  return ((object as Namespace).spec?.finalizers ?? []).length === 0
}

function prepare(
  object: KubernetesObject,
  old: KubernetesObject,
  target: Target,
): KubernetesObject {
  const { spec, subresource } = target
  if (subresource === undefined) return spec.prepareUpdate(object, old)
  return subresource === 'status' ? prepareStatus(spec, object, old) : object
}

function prepareStatus(spec: KindSpec, object: KubernetesObject, old: KubernetesObject) {
  if (spec.prepareStatusUpdate) return spec.prepareStatusUpdate(object, old)
  const { status } = object as { readonly status?: unknown }
  const next: KubernetesObject & { status?: unknown } = { ...old, status }
  return next
}

/** What no update may change. */
function keepMetadata(object: KubernetesObject, old: KubernetesObject): KubernetesObject {
  const { generation: _generation, creationTimestamp: _creation, ...given } = object.metadata
  const { metadata } = old
  const kept = {
    // An update without one means the newest.
    ...(metadata.resourceVersion === undefined
      ? {}
      : { resourceVersion: metadata.resourceVersion }),
    ...(given.namespace || metadata.namespace === undefined
      ? {}
      : { namespace: metadata.namespace }),
    ...(given.uid || metadata.uid === undefined ? {} : { uid: metadata.uid }),
    ...(metadata.generation === undefined ? {} : { generation: metadata.generation }),
    ...(metadata.creationTimestamp === undefined
      ? {}
      : { creationTimestamp: metadata.creationTimestamp }),
    ...(given.deletionTimestamp || metadata.deletionTimestamp === undefined
      ? {}
      : { deletionTimestamp: metadata.deletionTimestamp }),
    ...(given.deletionGracePeriodSeconds !== undefined ||
    metadata.deletionGracePeriodSeconds === undefined
      ? {}
      : { deletionGracePeriodSeconds: metadata.deletionGracePeriodSeconds }),
  }
  return { ...object, metadata: { ...given, ...kept } }
}

function checkIdentity(
  wanted: KubernetesObject,
  old: KubernetesObject,
  target: Target,
  isUpdate: boolean,
): void {
  const { spec, name, namespace } = target
  const { metadata } = wanted
  if (metadata.name !== name) {
    throw badRequest(unnamed(metadata.name, name))
  }
  if (metadata.namespace && metadata.namespace !== namespace) throw namespaceMismatch()
  const { resourceVersion, uid } = old.metadata
  if (!metadata.resourceVersion && spec.isUpdatedByVersion) {
    // apiserver registry/generic/registry/store.go, Update
    const error = invalidField('metadata.resourceVersion', 0, 'must be specified for an update')
    throw invalid(spec.resource, name, [error])
  }
  if (isUpdate && metadata.uid && metadata.uid !== uid) {
    throw preconditionFailed(target, 'UID', metadata.uid, uid)
  }
  const given = metadata.resourceVersion
  if (!given || given === '0') return
  const parsed = parseRevision(given)
  if ('error' in parsed) throw unexplained(parsed.error.replace(/^.*: (?=strconv)/, ''))
  if (given !== resourceVersion) throw conflict(spec.resource, name)
}

/** storage/errors.go; the key is where upstream's store has it. */
export function preconditionFailed(
  { spec: { resource }, namespace, name }: Pick<Target, 'spec' | 'namespace' | 'name'>,
  field: 'UID' | 'ResourceVersion',
  wanted: string,
  held?: string,
) {
  const key = ['', 'registry', resource.plural, namespace, name].filter(
    (part) => part !== undefined,
  )
  const why = `Precondition failed: ${field} in precondition: ${wanted}, ${field} in object meta: ${held}`
  return conflict(
    resource,
    name,
    `StorageError: invalid object, Code: 4, Key: ${key.join('/')}, ResourceVersion: 0, AdditionalErrorMsg: ${why}`,
  )
}
