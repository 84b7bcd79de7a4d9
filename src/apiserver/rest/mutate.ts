import { isDeepStrictEqual } from 'node:util'
import type { Namespace } from '#api/core.ts'
import { invalid as invalidField } from '#api/field-error.ts'
import type { KindSpec } from '#api/kinds/kind-spec.ts'
import type { KubernetesObject } from '#api/meta.ts'
import { badRequest, conflict, invalid } from '#api/status.ts'
import type { StoredItem } from '../storage/store.ts'
import { admit } from './admit.ts'
import { findItem } from './find-item.ts'
import { encodeRecord, objectOf } from './record.ts'
import type { RESTDeps, RESTRequest } from './request.ts'
import { trackFields } from './track-fields.ts'
import { namespaceMismatch } from './verbs/create.ts'

type Target = Pick<
  RESTRequest,
  'spec' | 'namespace' | 'name' | 'subresource' | 'warn' | 'query' | 'userAgent' | 'user'
>
type Written = Pick<StoredItem, 'value' | 'modRevision'>

export interface Mutation {
  readonly dryRun: boolean
  /** The wanted object. Called again when another write came first; to be conditional, keep a resourceVersion. */
  /** `change` says itself who owns the fields. */
  readonly isApply?: boolean
  /** The subresource that the writer used, where it is not the target's: a scale is a part of its object. */
  readonly through?: string
  readonly change: (current: KubernetesObject) => KubernetesObject | Promise<KubernetesObject>
}

/**
 * Changes the object that the request names: as update and patch do, by the rules of its kind, and with
 * compare-and-set against the store. @throws StatusError
 */
export async function mutate(
  target: Target,
  deps: RESTDeps,
  { change, dryRun, isApply = false, through }: Mutation,
): Promise<Written> {
  for (;;) {
    const item = await findItem(target, deps)
    const old = objectOf(item, target.spec.resource)
    const wanted = await change(old)
    checkIdentity(wanted, old, target)
    const prepared = prepare(keepMetadata(wanted, old), old, target)
    const written = await write(prepared, old, item, target, deps, { dryRun, isApply, through })
    if (written) return written
  }
}

interface WriteMode {
  readonly dryRun: boolean
  readonly isApply: boolean
  readonly through: string | undefined
}

/** Undefined when another write came first. */
async function write(
  prepared: KubernetesObject,
  old: KubernetesObject,
  item: StoredItem,
  target: Target,
  deps: RESTDeps,
  { dryRun, isApply, through = target.subresource }: WriteMode,
): Promise<Written | undefined> {
  const { spec, subresource, warn, name, user } = target
  const { resource } = spec
  const { object, settle } = await admit(deps, {
    operation: 'UPDATE',
    resource,
    object: prepared,
    old,
    dryRun,
    user,
    ...(subresource === undefined ? {} : { subresource }),
  })
  let stored = false
  try {
    const errors =
      subresource === 'status'
        ? (spec.validateStatusUpdate?.(object, old) ?? [])
        : spec.validateUpdate(object, old)
    if (errors.length > 0) throw invalid(resource, name, errors)
    for (const warning of subresource ? [] : (spec.warnings?.(object, old) ?? [])) warn(warning)
    const owned = isApply ? object : trackFields(object, old, { ...target, subresource: through })
    const value = encodeRecord(owned, resource)
    if (dryRun || isSame(value, item.value)) return { value, modRevision: item.modRevision }
    const finished = isFinished(object)
    const result = finished
      ? await deps.store.delete(item.key, item.modRevision)
      : await deps.store.update(item.key, item.modRevision, value)
    stored = result.ok
    if (finished && result.ok) await settleDeletion(object, target, deps)
    return result.ok ? { value, modRevision: result.revision } : undefined
  } finally {
    await settle(stored)
  }
}

/** The update took the last finalizer, and so was a deletion. */
async function settleDeletion(object: KubernetesObject, { spec }: Target, deps: RESTDeps) {
  const deletion = { operation: 'DELETE', resource: spec.resource, object, dryRun: false } as const
  const { settle } = await admit(deps, deletion)
  await settle(true)
}

/** A write that changes nothing takes no revision, whatever the order of its keys. */
function isSame(value: string, stored: string): boolean {
  return value === stored || isDeepStrictEqual(JSON.parse(value), JSON.parse(stored))
}

/** A kind of the core group; another group may have one of the same name. */
export const isCore = ({ kind, apiVersion }: KubernetesObject, wanted: string): boolean =>
  kind === wanted && apiVersion === 'v1'

/** It was being deleted, and nothing holds it any more. */
export function isFinished(object: KubernetesObject): boolean {
  const { deletionTimestamp, deletionGracePeriodSeconds, finalizers = [] } = object.metadata
  if (!deletionTimestamp || deletionGracePeriodSeconds !== 0 || finalizers.length > 0) return false
  if (!isCore(object, 'Namespace')) return true
  return ((object as Namespace).spec?.finalizers ?? []).length === 0
}

function prepare(
  object: KubernetesObject,
  old: KubernetesObject,
  target: Target,
): KubernetesObject {
  const { spec, subresource } = target
  const defaulted = spec.default(object)
  if (subresource === undefined) return spec.prepareUpdate(defaulted, old)
  return subresource === 'status' ? prepareStatus(spec, defaulted, old) : defaulted
}

function prepareStatus(spec: KindSpec, object: KubernetesObject, old: KubernetesObject) {
  if (spec.prepareStatusUpdate) return spec.prepareStatusUpdate(object, old)
  const { status } = object as { readonly status?: unknown }
  const next: KubernetesObject & { status?: unknown } = { ...old, status }
  return next
}

/** What no update may change. */
function keepMetadata(object: KubernetesObject, old: KubernetesObject): KubernetesObject {
  const {
    uid: _uid,
    generation: _generation,
    creationTimestamp: _creation,
    deletionTimestamp: _deletion,
    deletionGracePeriodSeconds: _grace,
    ...given
  } = object.metadata
  const { metadata } = old
  const kept = {
    // An update without one means the newest.
    ...(metadata.resourceVersion === undefined
      ? {}
      : { resourceVersion: metadata.resourceVersion }),
    ...(metadata.uid === undefined ? {} : { uid: metadata.uid }),
    ...(metadata.generation === undefined ? {} : { generation: metadata.generation }),
    ...(metadata.creationTimestamp === undefined
      ? {}
      : { creationTimestamp: metadata.creationTimestamp }),
    ...(metadata.deletionTimestamp === undefined
      ? {}
      : { deletionTimestamp: metadata.deletionTimestamp }),
    ...(metadata.deletionGracePeriodSeconds === undefined
      ? {}
      : { deletionGracePeriodSeconds: metadata.deletionGracePeriodSeconds }),
  }
  return { ...object, metadata: { ...given, ...kept } }
}

function checkIdentity(wanted: KubernetesObject, old: KubernetesObject, target: Target): void {
  const { spec, name, namespace } = target
  const { metadata } = wanted
  if (metadata.name !== name) {
    // apiserver endpoints/handlers/rest.go checkName
    throw badRequest(
      metadata.name === ''
        ? 'name must be provided'
        : `the name of the object (${metadata.name}) does not match the name on the URL (${name})`,
    )
  }
  if (metadata.namespace && metadata.namespace !== namespace) throw namespaceMismatch()
  const { resourceVersion, uid } = old.metadata
  if (!metadata.resourceVersion && spec.isUpdatedByVersion) {
    // apiserver registry/generic/registry/store.go, Update
    const error = invalidField('metadata.resourceVersion', 0, 'must be specified for an update')
    throw invalid(spec.resource, name, [error])
  }
  if (metadata.uid && metadata.uid !== uid) {
    throw conflict(
      spec.resource,
      name,
      `Precondition failed: UID in precondition: ${metadata.uid}, UID in object meta: ${uid}`,
    )
  }
  if (metadata.resourceVersion && metadata.resourceVersion !== '0') {
    if (metadata.resourceVersion !== resourceVersion) throw conflict(spec.resource, name)
  }
}
