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
}

export interface Admitted {
  /** The object to store, perhaps changed. */
  readonly object: KubernetesObject
  /** Told once how the request ended; false for a dry run. */
  readonly settle?: (stored: boolean) => void
}

/** A part that may change or refuse what is about to be stored, such as the allocator of cluster IPs. */
export interface Admission {
  /** @throws StatusError to refuse */
  admit(request: AdmissionRequest): Admitted | Promise<Admitted>
  /** Called once before the first request, with a way to read what is stored. */
  start?(list: (resource: Resource) => Promise<readonly KubernetesObject[]>): Promise<void>
}
