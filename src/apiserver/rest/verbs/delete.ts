import { isDeepStrictEqual } from 'node:util'
import type { KubernetesObject, Status } from '#api/meta.ts'
import type { Resource } from '#api/resources.ts'
import { conflict } from '#api/status.ts'
import { type Answer, statusAnswer } from '../../http/answer.ts'
import type { StoredItem } from '../../storage/store.ts'
import { admit } from '../admit.ts'
import { type DeleteOptions, parseDeleteOptions } from '../delete-options.ts'
import { findItem } from '../find-item.ts'
import { checkMortal } from '../namespace-lifecycle.ts'
import { planDeletion } from '../plan-deletion.ts'
import { presentObject } from '../present.ts'
import { encodeRecord, objectOf } from '../record.ts'
import type { RESTDeps, RESTRequest } from '../request.ts'

/** Kinds whose removal answers with the object instead of a Status (ReturnDeletedObject upstream). */
const RETURNS_OBJECT = new Set(['pods', 'services', 'serviceaccounts'])

export async function remove(request: RESTRequest, deps: RESTDeps): Promise<Answer> {
  const options = await parseDeleteOptions(request)
  const { object, removed } = await removeOne(request, deps, options)
  const { resource } = request.spec
  if (removed && !(resource.group === '' && RETURNS_OBJECT.has(resource.plural)))
    return statusAnswer(success(resource, object))
  return presentObject(request, object)
}

export interface Removal {
  readonly object: KubernetesObject
  /** False: it is only marked. */
  readonly removed: boolean
}

export async function removeOne(
  request: Pick<RESTRequest, 'spec' | 'namespace' | 'name' | 'user'>,
  deps: RESTDeps,
  options: DeleteOptions,
): Promise<Removal> {
  for (;;) {
    const item = await findItem(request, deps)
    const object = objectOf(item, request.spec.resource)
    checkPreconditions(request.spec.resource, object, options)
    checkMortal(request.spec.resource, object.metadata.name)
    const done = await attempt(request, object, item, deps, options)
    if (done) return done
  }
}

/** Undefined when another write came first. */
async function attempt(
  { spec: { resource }, user }: Pick<RESTRequest, 'spec' | 'user'>,
  object: KubernetesObject,
  item: StoredItem,
  deps: RESTDeps,
  options: DeleteOptions,
): Promise<Removal | undefined> {
  const { store } = deps
  const plan = planDeletion(object, options, Date.now())
  const { dryRun } = options
  const { settle } = await admit(deps, { operation: 'DELETE', resource, object, dryRun, user })
  if (plan.kind === 'mark') {
    settle(false) // it is still there
    if (options.dryRun || isDeepStrictEqual(plan.object, object)) {
      return { object: plan.object, removed: false }
    }
    const marked = encodeRecord(plan.object, resource)
    const result = await store.update(item.key, item.modRevision, marked)
    if (!result.ok) return undefined
    return {
      object: objectOf({ value: marked, modRevision: result.revision }, resource),
      removed: false,
    }
  }
  let stored = false
  try {
    if (dryRun) return { object: plan.object, removed: true }
    const result = await store.delete(item.key, item.modRevision)
    stored = result.ok
    if (!result.ok) return undefined
    // As the last event shows it: with the revision of its going.
    const metadata = { ...plan.object.metadata, resourceVersion: String(result.revision) }
    return { object: { ...plan.object, metadata }, removed: true }
  } finally {
    await settle(stored)
  }
}

function checkPreconditions(
  resource: Resource,
  { metadata }: KubernetesObject,
  { preconditions: { uid, resourceVersion } }: DeleteOptions,
): void {
  // registry/rest/delete.go, BeforeDelete: it names the kind where others name the resource.
  const named = { group: resource.group, plural: resource.kind }
  const refuse = (what: string, wanted: string, found: string | undefined, happened: string) =>
    conflict(
      named,
      metadata.name,
      `the ${what} in the precondition (${wanted}) does not match the ${what} in record (${found}). The object might have been ${happened}`,
    )
  if (uid !== undefined && uid !== metadata.uid) {
    throw refuse('UID', uid, metadata.uid, 'deleted and then recreated')
  }
  if (resourceVersion !== undefined && resourceVersion !== metadata.resourceVersion) {
    throw refuse('ResourceVersion', resourceVersion, metadata.resourceVersion, 'modified')
  }
}

const success = ({ group, plural }: Resource, { metadata }: KubernetesObject): Status => ({
  kind: 'Status',
  apiVersion: 'v1',
  metadata: {},
  status: 'Success',
  details: {
    name: metadata.name,
    ...(group === '' ? {} : { group }),
    kind: plural,
    ...(metadata.uid === undefined ? {} : { uid: metadata.uid }),
  },
})
