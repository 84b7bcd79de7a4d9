import type { KubernetesObject } from '#api/meta.ts'
import type { Resource } from '#api/resources.ts'
import type { ListOptions, ObjectKey } from './api.ts'

export interface Change<T> {
  readonly type: 'added' | 'modified' | 'deleted'
  readonly object: T
  readonly previous?: T
}

/** A local, always current copy of the objects of one resource, kept by list and watch. */
export interface Informer<T extends KubernetesObject> {
  /** Resolves after the first complete list. Rejects only where the signal aborts first, so that nobody acts on half a list. */
  readonly synced: Promise<void>
  list(): readonly T[]
  get(key: ObjectKey): T | undefined
  /** The objects of one namespace whose labels hold every pair of `labels`. */
  select(namespace: string, labels: Readonly<Record<string, string>>): readonly T[]
  /** Calls back on each change, the first list included: what is known already comes at once, as added. Returns the way to stop. */
  subscribe(listener: (change: Change<T>) => void): () => void
}

/** For components that write what they read: without it the next decision would not know of the last one. */
export interface WriteThroughInformer<T extends KubernetesObject> extends Informer<T> {
  /** Takes over the answer of an own write ahead of the watch; ignored where the watch is already past it. */
  remember(object: T): void
}

export interface InformerOptions<T extends KubernetesObject = KubernetesObject>
  extends ListOptions {
  /** Hears why the resource could not be listed or watched, or what a listener threw. */
  readonly onError?: (error: unknown, resource: Resource) => void
  /** What of each object is kept; all by default. None has metadata.managedFields. */
  readonly keep?: (object: T) => T
}
