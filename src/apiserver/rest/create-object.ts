import { randomUUID } from 'node:crypto'
import type { KubernetesObject } from '#api/meta.ts'
import { forbidden, invalid } from '#api/status.ts'
import { admit } from './admit.ts'
import { encodeRecord, keyOf } from './record.ts'
import type { RESTDeps, RESTRequest } from './request.ts'
import { timestamp } from './timestamp.ts'
import { trackFields, type Writer } from './track-fields.ts'

export interface Created {
  readonly object: KubernetesObject
  readonly value: string
  /** 0 for a dry run. */
  readonly modRevision: number
}

/** A request, or the server itself, which is no user. */
export interface Creation
  extends Pick<RESTRequest, 'spec' | 'warn'>,
    Partial<Pick<RESTRequest, 'user' | 'pace'>> {
  /** Who will own the fields that were sent; absent where the object says it itself. */
  readonly writer?: Writer
}

/** Stores a new object by the rules of its kind; undefined when its name is taken. @throws StatusError */
export async function createObject(
  sent: KubernetesObject,
  { spec, warn, writer, user, pace }: Creation,
  deps: Pick<RESTDeps, 'store' | 'admission'>,
  dryRun: boolean,
): Promise<Created | undefined> {
  const { resource } = spec
  if (resource.custom?.isTerminating) {
    const why = 'create not allowed while custom resource definition is terminating'
    throw forbidden(resource, sent.metadata.name, why)
  }
  const { namespace, name } = sent.metadata
  const key = keyOf(resource, namespace, name)
  // Asked early too: an object whose name is taken must not fail for the address that its twin holds.
  if (name !== '' && (await deps.store.get(key))) return undefined
  const defaulted = spec.default(bear(sent))
  await pace?.()
  const owned = writer ? await trackFields(defaulted, undefined, writer, pace) : defaulted
  await pace?.()
  const prepared = spec.prepareCreate(owned)
  const admitted = await admit(deps, {
    operation: 'CREATE',
    resource,
    object: prepared,
    dryRun,
    warn,
    ...(user ? { user } : {}),
  })
  const { check, settle } = admitted
  const object = spec.completeCreate?.(admitted.object) ?? admitted.object
  let stored = false
  try {
    await pace?.()
    const found = spec.validate(object)
    await pace?.()
    const ruled = spec.checkRules && (await spec.checkRules(object, undefined, found, pace))
    const errors = [...found, ...(ruled?.errors ?? [])]
    if (errors.length > 0) throw invalid(resource, name, errors)
    await check()
    for (const warning of [...(ruled?.warnings ?? []), ...(spec.warnings?.(object) ?? [])])
      warn(warning)
    const value = encodeRecord(object, resource)
    await pace?.()
    if (dryRun) return { object, value, modRevision: 0 }
    const result = await deps.store.create(key, value)
    stored = result.ok
    return result.ok ? { object, value, modRevision: result.revision } : undefined
  } finally {
    await settle(stored)
  }
}

/** Gives a new object what only the server may. */
function bear(object: KubernetesObject): KubernetesObject {
  const {
    deletionTimestamp: _timestamp,
    deletionGracePeriodSeconds: _grace,
    ...metadata
  } = object.metadata
  return {
    ...object,
    metadata: { ...metadata, uid: randomUUID(), creationTimestamp: timestamp() },
  }
}
