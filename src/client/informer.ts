import type { KubernetesObject } from '#api/meta.ts'
import type { Resource } from '#api/resources.ts'
import type { API, ListOptions, ObjectKey } from './api.ts'

export interface Change<T> {
  readonly type: 'added' | 'modified' | 'deleted'
  readonly object: T
  readonly previous?: T
}

/** A local, always current copy of the objects of one resource, kept by list and watch. */
export interface Informer<T extends KubernetesObject> {
  /** Resolves after the first complete list. */
  readonly synced: Promise<void>
  list(): readonly T[]
  get(key: ObjectKey): T | undefined
  /** The objects of one namespace whose labels hold every pair of `labels`. */
  select(namespace: string, labels: Readonly<Record<string, string>>): readonly T[]
  /** Calls back on each change, the first list included. Returns the way to stop. */
  subscribe(listener: (change: Change<T>) => void): () => void
}

export interface InformerOptions extends ListOptions {
  readonly onError?: (error: unknown) => void
}

export type CreateInformer = <T extends KubernetesObject>(
  api: API,
  resource: Resource<T>,
  signal: AbortSignal,
  options?: InformerOptions,
) => Informer<T>
