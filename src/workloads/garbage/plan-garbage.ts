import type { KubernetesObject, OwnerReference } from '#api/meta.ts'
import type { DeleteOptions } from '#client/api.ts'

/** How an owner stands, seen from a dependent. */
export type OwnerState = 'present' | 'absent' | 'waits-for-dependents'

export const FOREGROUND = 'foregroundDeletion'
export const ORPHAN = 'orphan'

export type GarbagePlan =
  | { readonly kind: 'keep' }
  /** Owners are gone, others stay. */
  | { readonly kind: 'drop-owners'; readonly uids: readonly string[] }
  | { readonly kind: 'delete'; readonly policy: NonNullable<DeleteOptions['propagationPolicy']> }

/**
 * What happens to an object because of its owners. It stays while one of them does.
 *
 * @see pkg/controller/garbagecollector/garbagecollector.go, attemptToDeleteItem
 */
export function planGarbage(
  object: KubernetesObject,
  owners: readonly { readonly reference: OwnerReference; readonly state: OwnerState }[],
  hasDependents: boolean,
): GarbagePlan {
  const { deletionTimestamp, finalizers = [] } = object.metadata
  if (owners.length === 0 || deletionTimestamp !== undefined) return { kind: 'keep' }
  const unneeded = owners.filter(({ state }) => state !== 'present')
  if (unneeded.length === 0) return { kind: 'keep' }
  if (unneeded.length < owners.length)
    return { kind: 'drop-owners', uids: unneeded.map(({ reference }) => reference.uid) }
  const isAwaited = unneeded.some(({ state }) => state === 'waits-for-dependents')
  if (isAwaited && hasDependents) return { kind: 'delete', policy: 'Foreground' }
  if (finalizers.includes(ORPHAN)) return { kind: 'delete', policy: 'Orphan' }
  return { kind: 'delete', policy: finalizers.includes(FOREGROUND) ? 'Foreground' : 'Background' }
}
