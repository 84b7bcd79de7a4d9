import type { KubernetesObject } from '#api/meta.ts'
import type { Resource } from '#api/resources.ts'

export interface AdmissionRequest {
  readonly operation: 'CREATE' | 'UPDATE' | 'DELETE'
  readonly resource: Resource
  /** For DELETE: what goes. */
  readonly object: KubernetesObject
  readonly old?: KubernetesObject
  readonly subresource?: string
  /** Nothing may be kept of this request. */
  readonly dryRun: boolean
}

/** A part that may change or refuse what is about to be stored, such as the allocator of cluster IPs. */
export interface Admission {
  /** The object to store, perhaps changed. @throws StatusError to refuse */
  admit(request: AdmissionRequest): KubernetesObject | Promise<KubernetesObject>
  /** How an admitted request ended, dry runs left out; `request.object` is as admitted. */
  settled?(request: AdmissionRequest, stored: boolean): void
  /** Called once before the first request, with a way to read what is stored. */
  start?(list: (resource: Resource) => Promise<readonly KubernetesObject[]>): Promise<void>
}
