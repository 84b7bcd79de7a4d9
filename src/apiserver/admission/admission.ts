import type { KubernetesObject } from '#api/meta.ts'
import type { Resource } from '#api/resources.ts'
import type { User } from '../auth/user.ts'

export interface AdmissionRequest {
  readonly operation: 'CREATE' | 'UPDATE' | 'DELETE'
  readonly resource: Resource
  /** For DELETE: what goes. */
  readonly object: KubernetesObject
  readonly old?: KubernetesObject
  readonly subresource?: string
  /** Who asks; undefined for the server itself. */
  readonly user?: User
  /** Nothing may be kept of this request. */
  readonly dryRun: boolean
  /** Tells the client of something by a Warning header; absent where nobody listens. */
  readonly warn?: (text: string) => void
}

export interface Admitted {
  /** The object to store, perhaps changed. */
  readonly object: KubernetesObject
  /** Told once how the request ended, before it is answered; false for a dry run. Never rejects. */
  readonly settle?: (stored: boolean) => void | Promise<void>
}

/** See {@link Admitted}. */
export type Settle = NonNullable<Admitted['settle']>

/** A part that may change or refuse what is about to be stored, such as the allocator of cluster IPs. */
export interface Admission {
  /** @throws StatusError to refuse */
  admit(request: AdmissionRequest): Admitted | Promise<Admitted>
  /**
   * Asked last, of a write whose object is valid and as it will be stored; may only refuse. What it returns is told how
   * the request ended. @throws StatusError to refuse
   */
  check?(request: AdmissionRequest): Promise<Settle | undefined>
  /** Called once before the first request, with what is stored. */
  start?(objects: StoredObjects): Promise<void>
  /** Called once after the last request. */
  stop?(): void
}

/**
 * What is stored, for parts of the server itself: no defaults, no validation and no admission stand between. All
 * writes compare and set, and say by `false` that another write came first.
 */
export interface StoredObjects {
  list<T extends KubernetesObject>(resource: Resource<T>): Promise<readonly T[]>
  get<T extends KubernetesObject>(
    resource: Resource<T>,
    key: { readonly namespace?: string; readonly name: string },
  ): Promise<T | undefined>
  /** Gives the object its uid and creation time. */
  create(resource: Resource, object: KubernetesObject): Promise<boolean>
  /** By the object's resourceVersion. */
  update(resource: Resource, object: KubernetesObject): Promise<boolean>
  /** By the object's resourceVersion. */
  delete(resource: Resource, object: KubernetesObject): Promise<boolean>
  /** Tells of all that is stored, before it resolves, then of each change until disposed. */
  follow<T extends KubernetesObject>(
    resource: Resource<T>,
    follower: Follower<T>,
  ): Promise<Disposable>
}

export interface Follower<T> {
  /** All there is: what was told before is void. */
  replaced(objects: readonly T[]): void
  put(object: T): void
  removed(object: T): void
}
