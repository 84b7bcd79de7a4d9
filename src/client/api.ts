import type { KubernetesObject, Status } from '#api/meta.ts'
import type { Resource } from '#api/resources.ts'
import type { DiscoveredResource } from './discovery.ts'

export interface ObjectKey {
  readonly namespace?: string
  readonly name: string
}

export interface ListOptions {
  /** All namespaces when absent. */
  readonly namespace?: string
  readonly labelSelector?: string
  readonly fieldSelector?: string
}

export interface ReadOptions<T> extends ListOptions {
  /** What of each item is kept: asked a page at a time, so that the rest of a long list is never there as a whole. */
  readonly keep?: (item: T) => T
  /** Whether the items may come without their metadata.managedFields, which is cheaper. */
  readonly omitManagedFields?: boolean
}

export interface CompleteList<T> {
  readonly items: readonly T[]
  readonly resourceVersion: string
}

export type PatchType = 'json' | 'merge' | 'strategic'

export type WatchEvent<T> =
  | { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK'; readonly object: T }
  | { readonly type: 'ERROR'; readonly object: Status }

/** A typed Kubernetes API over HTTPS. Every refusal rejects with {@link APIStatusError}. */
export interface API {
  /** `undefined` where the object does not exist. */
  get<T extends KubernetesObject>(resource: Resource<T>, key: ObjectKey): Promise<T | undefined>
  list<T extends KubernetesObject>(
    resource: Resource<T>,
    options?: ReadOptions<T>,
  ): Promise<CompleteList<T>>
  /** For `binding` and `token` the resource is the one it belongs to, with the subresource's own kind. */
  create<T extends KubernetesObject>(
    resource: Resource<T>,
    object: T,
    subresource?: 'binding' | 'token',
  ): Promise<T>
  /** Replaces; a `resourceVersion` in the object makes it conditional (409 Conflict). */
  update<T extends KubernetesObject>(
    resource: Resource<T>,
    object: T,
    subresource?: 'status' | 'finalize' | 'approval',
  ): Promise<T>
  patch<T extends KubernetesObject>(
    resource: Resource<T>,
    key: ObjectKey,
    type: PatchType,
    patch: unknown,
    subresource?: string,
  ): Promise<T>
  /** Resolves `false` where there was nothing to delete. */
  delete(resource: Resource, key: ObjectKey, options?: DeleteOptions): Promise<boolean>
  /** Watches from a revision until `signal` aborts or the server ends it. */
  watch<T extends KubernetesObject>(
    resource: Resource<T>,
    options: ListOptions & { readonly resourceVersion: string; readonly timeoutSeconds?: number },
    signal: AbortSignal,
  ): AsyncIterable<WatchEvent<T>>
  /** Every resource that the server has, in the version that it prefers. */
  discover(): Promise<readonly DiscoveredResource[]>
  [Symbol.asyncDispose](): Promise<void>
}

export interface DeleteOptions {
  readonly gracePeriodSeconds?: number
  readonly propagationPolicy?: 'Background' | 'Foreground' | 'Orphan'
  readonly preconditions?: { readonly uid?: string; readonly resourceVersion?: string }
}

/** The API server refused: `code` is the HTTP status, `reason` the machine-readable cause (`NotFound`, `Conflict`, …). */
export class APIStatusError extends Error {
  override readonly name = 'APIStatusError'
  readonly code: number
  readonly reason: string
  readonly status: Status

  constructor(status: Status) {
    super(status.message ?? status.reason ?? `HTTP ${status.code}`)
    this.code = status.code ?? 500
    this.reason = status.reason ?? 'Unknown'
    this.status = status
  }
}
