import type { KubernetesObject, OwnerReference } from '#api/meta.ts'
import { apiVersionOf, type Resource } from '#api/resources.ts'
import { type API, APIStatusError, type ObjectKey } from '#client/api.ts'
import type { Controller } from '#client/controller.ts'
import { followKinds, type KindsOptions } from './follow-kinds.ts'
import { createGraph, type Found, keyOf, type Watched } from './graph.ts'
import { FOREGROUND, ORPHAN, type OwnerState, planGarbage } from './plan-garbage.ts'

/**
 * Deletes what has lost its owners, and carries out foreground and orphaning deletions.
 *
 * @param watched kinds whose informers others have, too
 * @param options how to follow all others; without it there are none
 */
export function garbageCollector(
  api: API,
  watched: readonly Watched[],
  options?: Omit<KindsOptions, 'api'>,
): Controller {
  const graph = createGraph(watched)
  /** What has owners of kinds that nobody knows, yet. */
  const unresolved = new Map<string, ObjectKey>()
  const lookAgain = () => {
    const keys = [...unresolved.values()]
    unresolved.clear()
    for (const key of keys) enqueue(key)
  }
  const kinds = options && followKinds({ ...options, api }, watched, graph, { added: lookAgain })
  let enqueue: Parameters<Controller['start']>[0] = () => {}

  /** The informers answer for what they know; whether an owner is really absent only the API can say. */
  async function stateOf(
    reference: OwnerReference,
    namespace: string | undefined,
    key: ObjectKey,
  ): Promise<OwnerState> {
    const known = graph.findByUID(reference.uid)?.object
    if (known) return isWaiting(known) ? 'waits-for-dependents' : 'present'
    const resource = resourceOf(reference)
    if (!resource) {
      unresolved.set(`${key.namespace}/${key.name}`, key)
      return 'present' // nothing is known, so nothing is done
    }
    const where = resource.namespaced
      ? { namespace: namespace ?? '', name: reference.name }
      : { name: reference.name }
    const owner = await api.get(resource, where)
    if (owner?.metadata.uid !== reference.uid) return 'absent'
    return isWaiting(owner) ? 'waits-for-dependents' : 'present'
  }

  function resourceOf({ apiVersion, kind }: OwnerReference): Resource | undefined {
    const own = watched.find(
      ({ resource }) => resource.kind === kind && apiVersionOf(resource) === apiVersion,
    )
    return own?.resource ?? kinds?.find(apiVersion, kind)
  }

  async function collect({ resource, object }: Found): Promise<void> {
    const { uid, ownerReferences = [], namespace } = object.metadata
    const owners = await Promise.all(
      ownerReferences.map(async (reference) => ({
        reference,
        state: await stateOf(reference, namespace, keyOf(resource, object.metadata)),
      })),
    )
    const plan = planGarbage(object, owners, graph.dependentsOf(uid ?? '').length > 0)
    if (plan.kind === 'drop-owners') await dropOwners({ resource, object }, plan.uids)
    if (plan.kind === 'delete') {
      const preconditions = uid === undefined ? {} : { preconditions: { uid } }
      await api.delete(resource, object.metadata, {
        propagationPolicy: plan.policy,
        ...preconditions,
      })
    }
  }

  async function dropOwners({ resource, object }: Found, uids: readonly string[]): Promise<void> {
    const { uid, resourceVersion, ownerReferences = [] } = object.metadata
    const rest = ownerReferences.filter((reference) => !uids.includes(reference.uid))
    await orGone(
      api.patch(resource, object.metadata, 'merge', {
        metadata: { uid, resourceVersion, ownerReferences: rest },
      }),
    )
  }

  /** The dependents stay; they no longer know this owner. */
  async function orphan(found: Found): Promise<void> {
    const { uid = '' } = found.object.metadata
    for (const dependent of graph.dependentsOf(uid)) await dropOwners(dependent, [uid])
    await removeFinalizer(found, ORPHAN)
  }

  /** The dependents go first; the owner when none is left that would block it. */
  async function foreground(found: Found): Promise<void> {
    const { uid = '' } = found.object.metadata
    const dependents = graph.dependentsOf(uid)
    for (const { resource, object } of dependents) enqueue(keyOf(resource, object.metadata))
    const blocks = ({ object }: Found) =>
      object.metadata.ownerReferences?.some(
        (owner) => owner.uid === uid && owner.blockOwnerDeletion === true,
      )
    if (!dependents.some(blocks)) await removeFinalizer(found, FOREGROUND)
  }

  async function removeFinalizer({ resource, object }: Found, name: string): Promise<void> {
    const { uid, resourceVersion, finalizers = [] } = object.metadata
    const rest = finalizers.filter((finalizer) => finalizer !== name)
    await orGone(
      api.patch(resource, object.metadata, 'merge', {
        metadata: { uid, resourceVersion, finalizers: rest },
      }),
    )
  }

  return {
    name: 'garbage-collector',
    informers: [...watched.map(({ informer }) => informer), ...(kinds ? [kinds] : [])],
    start(add) {
      enqueue = add
      return graph.start(add)
    },
    async reconcile(key) {
      const found = graph.find(key)
      if (!found) return undefined
      const { deletionTimestamp, finalizers = [] } = found.object.metadata
      if (deletionTimestamp === undefined) await collect(found)
      else if (finalizers.includes(ORPHAN)) await orphan(found)
      else if (finalizers.includes(FOREGROUND)) await foreground(found)
      return undefined
    },
  }
}

function isWaiting({ metadata }: KubernetesObject): boolean {
  return (
    metadata.deletionTimestamp !== undefined && metadata.finalizers?.includes(FOREGROUND) === true
  )
}

async function orGone(write: Promise<unknown>): Promise<void> {
  try {
    await write
  } catch (error) {
    if (!(error instanceof APIStatusError) || error.code !== 404) throw error
  }
}
