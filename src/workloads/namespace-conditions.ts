/** What a namespace that is going says of itself. Source of types, reasons and sentences: pkg/controller/namespace/deletion/status_condition_utils.go. */
import type { NamespaceCondition } from '#api/core.ts'
import { findCondition, setCondition } from './conditions.ts'

/** What emptying a namespace has come to. */
export interface Emptying {
  /** How many objects are left, by `RESOURCE.GROUP`; the core group's name is empty. */
  readonly resources: ReadonlyMap<string, number>
  /** How many of these a finalizer holds. */
  readonly finalizers: ReadonlyMap<string, number>
  /** Why resources could not be listed or deleted. */
  readonly failures: readonly string[]
  /** Why nobody knows what resources there are. */
  readonly undiscovered?: string
}

/** The conditions as `emptying` leaves them; the same array where nothing changes. */
export function withDeletionConditions(
  conditions: readonly NamespaceCondition[] | undefined,
  emptying: Emptying,
  now: number,
): readonly NamespaceCondition[] {
  const wanted = deletionConditions(emptying)
  const isSaid = wanted.every(({ type, status, reason, message }) => {
    const held = findCondition(conditions, type)
    return held?.status === status && held.reason === reason && held.message === message
  })
  if (isSaid && conditions) return conditions
  return wanted.reduce<readonly NamespaceCondition[]>(
    (all, condition) => setCondition(all, condition, now),
    conditions ?? [],
  )
}

function deletionConditions(emptying: Emptying): readonly NamespaceCondition[] {
  const { failures, undiscovered } = emptying
  const resources = listed(emptying.resources, (name, count) => `${name} has ${count}`)
  const finalizers = listed(emptying.finalizers, (name, count) => `${name} in ${count}`)
  return [
    undiscovered === undefined
      ? is(
          'NamespaceDeletionDiscoveryFailure',
          false,
          'ResourcesDiscovered',
          'All resources successfully discovered',
        )
      : is('NamespaceDeletionDiscoveryFailure', true, 'DiscoveryFailed', undiscovered),
    is(
      'NamespaceDeletionGroupVersionParsingFailure',
      false,
      'ParsedGroupVersions',
      'All legacy kube types successfully parsed',
    ),
    failures.length === 0
      ? is(
          'NamespaceDeletionContentFailure',
          false,
          'ContentDeleted',
          'All content successfully deleted, may be waiting on finalization',
        )
      : is(
          'NamespaceDeletionContentFailure',
          true,
          'ContentDeletionFailed',
          `Failed to delete all resource types, ${failures.length} remaining: ${[...failures].sort().join(', ')}`,
        ),
    resources === ''
      ? is('NamespaceContentRemaining', false, 'ContentRemoved', 'All content successfully removed')
      : is(
          'NamespaceContentRemaining',
          true,
          'SomeResourcesRemain',
          `Some resources are remaining: ${resources}`,
        ),
    finalizers === ''
      ? is(
          'NamespaceFinalizersRemaining',
          false,
          'ContentHasNoFinalizers',
          'All content-preserving finalizers finished',
        )
      : is(
          'NamespaceFinalizersRemaining',
          true,
          'SomeFinalizersRemain',
          `Some content in the namespace has finalizers remaining: ${finalizers}`,
        ),
  ]
}

const is = (type: string, holds: boolean, reason: string, message: string): NamespaceCondition => ({
  type,
  status: holds ? 'True' : 'False',
  reason,
  message,
})

const listed = (
  counts: ReadonlyMap<string, number>,
  say: (name: string, count: number) => string,
): string =>
  [...counts]
    .map(([name, count]) => `${say(name, count)} resource instances`)
    .sort()
    .join(', ')
