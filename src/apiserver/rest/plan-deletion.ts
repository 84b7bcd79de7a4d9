import type { Namespace, Pod } from '#api/core.ts'
import type { KubernetesObject } from '#api/meta.ts'
import type { DeleteOptions } from './delete-options.ts'
import { isFinished } from './mutate.ts'
import { timestamp } from './timestamp.ts'

export type Deletion =
  | { readonly kind: 'remove' }
  /** The object stays, marked, until its finalizers or its node agent let go. */
  | { readonly kind: 'mark'; readonly object: KubernetesObject }

type Policy = DeleteOptions['propagationPolicy']

/** Finalizers by which the garbage collector is asked to see to the dependents (apimachinery meta/v1). */
const ORPHAN = 'orphan'
const FOREGROUND = 'foregroundDeletion'

/** What a DELETE does to an object (apiserver registry/rest/delete.go, registry/generic/registry/store.go). */
export function planDeletion(
  object: KubernetesObject,
  {
    gracePeriodSeconds,
    propagationPolicy,
  }: Pick<DeleteOptions, 'gracePeriodSeconds' | 'propagationPolicy'>,
  now: number,
): Deletion {
  const { metadata } = object
  const before = metadata.deletionTimestamp ? metadata.deletionGracePeriodSeconds : undefined
  const wished = object.kind === 'Pod' ? graceOf(object as Pod, gracePeriodSeconds) : 0
  // A repeated DELETE may shorten the time, never lengthen it.
  const grace =
    before === undefined
      ? wished
      : Math.min(before, gracePeriodSeconds === undefined ? before : wished)
  const finalizers = planFinalizers(object, propagationPolicy)
  const isNew = !metadata.deletionTimestamp
  const marked: KubernetesObject = {
    ...object,
    metadata: {
      ...metadata,
      ...(finalizers.length > 0 || metadata.finalizers ? { finalizers } : {}),
      deletionTimestamp:
        isNew || grace !== before ? timestamp(now + grace * 1000) : metadata.deletionTimestamp!,
      deletionGracePeriodSeconds: grace,
      ...(isNew && metadata.generation ? { generation: metadata.generation + 1 } : {}),
    },
  }
  if (isFinished(marked)) return { kind: 'remove' }
  return { kind: 'mark', object: object.kind === 'Namespace' ? terminating(marked) : marked }
}

/** A pod that no node runs, or that has ended, needs no time (pkg/registry/core/pod/strategy.go CheckGracefulDelete). */
function graceOf({ spec, status }: Pod, wished: number | undefined): number {
  if (!spec.nodeName || status?.phase === 'Failed' || status?.phase === 'Succeeded') return 0
  return wished ?? spec.terminationGracePeriodSeconds ?? 30
}

/** Where nobody says otherwise their dependents stay: older clients count on it (each strategy's DefaultGarbageCollectionPolicy). */
const ORPHANS_BY_DEFAULT = new Set(['Job', 'CronJob', 'ReplicationController'])

function planFinalizers(
  { kind = '', metadata: { finalizers = [] } }: KubernetesObject,
  wished: Policy,
): readonly string[] {
  const isSaid = finalizers.includes(ORPHAN) || finalizers.includes(FOREGROUND)
  const policy = wished ?? (ORPHANS_BY_DEFAULT.has(kind) && !isSaid ? 'Orphan' : undefined)
  if (policy === undefined) return finalizers
  const others = finalizers.filter((each) => each !== ORPHAN && each !== FOREGROUND)
  if (policy === 'Background') return others
  return [...others, policy === 'Orphan' ? ORPHAN : FOREGROUND]
}

function terminating(object: Namespace): Namespace {
  return { ...object, status: { ...object.status, phase: 'Terminating' } }
}
