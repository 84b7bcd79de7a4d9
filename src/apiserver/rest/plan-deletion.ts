import type { Namespace, Pod } from '#api/core.ts'
import {
  CLEANUP_FINALIZER,
  type CustomResourceDefinition,
} from '#api/custom-resource/definition.ts'
import type { KubernetesObject } from '#api/meta.ts'
import { apiVersionOf, customResourceDefinitions } from '#api/resources.ts'
import type { DeleteOptions } from './delete-options.ts'
import { isCore, isFinished } from './mutate.ts'
import { timestamp } from './timestamp.ts'

export type Deletion =
  /** `object` as it goes. */
  | { readonly kind: 'remove'; readonly object: KubernetesObject }
  /** The object stays, marked, until its finalizers or its node agent let go. */
  | { readonly kind: 'mark'; readonly object: KubernetesObject }

type Policy = DeleteOptions['propagationPolicy']

/** Finalizers by which the garbage collector is asked to see to the dependents (apimachinery meta/v1). */
const ORPHAN = 'orphan'
const FOREGROUND = 'foregroundDeletion'

/**
 * What a DELETE does to an object (apiserver registry/rest/delete.go, registry/generic/registry/store.go). A namespace gets no
 * time of grace (pkg/registry/core/namespace/storage/storage.go).
 */
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
  const wished = isCore(object, 'Pod') ? graceOf(object as Pod, gracePeriodSeconds) : 0
  // A repeated DELETE may shorten the time, never lengthen it.
  const grace =
    before === undefined
      ? wished
      : Math.min(before, gracePeriodSeconds === undefined ? before : wished)
  const isNew = !metadata.deletionTimestamp
  const finalizers =
    isNew && isDefinition(object)
      ? withCleanup(metadata.finalizers ?? [])
      : planFinalizers(object, propagationPolicy)
  const marked: KubernetesObject = {
    ...object,
    metadata: {
      ...metadata,
      ...(finalizers.length > 0 || metadata.finalizers ? { finalizers } : {}),
      ...(isCore(object, 'Namespace')
        ? { deletionTimestamp: metadata.deletionTimestamp ?? timestamp(now) }
        : {
            deletionTimestamp:
              isNew || grace !== before
                ? timestamp(now + grace * 1000)
                : metadata.deletionTimestamp!,
            deletionGracePeriodSeconds: grace,
          }),
      ...(isNew && metadata.generation ? { generation: metadata.generation + 1 } : {}),
    },
  }
  if (isFinished(marked)) {
    return { kind: 'remove', object: isCore(object, 'Pod') ? marked : object }
  }
  return { kind: 'mark', object: withTermination(marked, isNew, now) }
}

function withTermination(object: KubernetesObject, isNew: boolean, now: number): KubernetesObject {
  if (isCore(object, 'Namespace')) return terminating(object as Namespace)
  return isNew && isDefinition(object) ? terminatingDefinition(object, timestamp(now)) : object
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

const isDefinition = ({ kind, apiVersion }: KubernetesObject): boolean =>
  kind === customResourceDefinitions.kind && apiVersion === apiVersionOf(customResourceDefinitions)

/** A definition goes when its instances are gone. */
const withCleanup = (finalizers: readonly string[]) =>
  finalizers.includes(CLEANUP_FINALIZER) ? finalizers : [...finalizers, CLEANUP_FINALIZER]

// apiextensions-apiserver pkg/registry/customresourcedefinition/etcd.go
function terminatingDefinition(object: KubernetesObject, now: string): CustomResourceDefinition {
  const definition = object as CustomResourceDefinition // by its kind
  const condition = {
    type: 'Terminating',
    status: 'True' as const,
    reason: 'InstanceDeletionPending',
    message:
      'CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon',
    lastTransitionTime: now,
  }
  const conditions = [...(definition.status?.conditions ?? []), condition]
  return { ...definition, status: { ...definition.status, conditions } }
}
