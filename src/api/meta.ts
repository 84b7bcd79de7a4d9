import type { Status as AnyStatus, ListMeta, ObjectMeta } from './types/meta.ts'

export type {
  Condition,
  LabelSelector,
  LabelSelectorRequirement,
  ListMeta,
  ManagedFieldsEntry,
  ObjectMeta,
  OwnerReference,
  StatusCause,
  StatusDetails,
} from './types/meta.ts'

/** What any stored object is to code that does not know its kind. Times are RFC 3339 text, as on the wire. */
export interface KubernetesObject {
  readonly apiVersion?: string
  readonly kind?: string
  readonly metadata: ObjectMeta
}

/** A number, or a text such as a name or a percentage. */
export type IntOrString = number | string

/** meta/v1 Status: the body of every error answer. */
export interface Status extends AnyStatus {
  readonly kind: 'Status'
  readonly apiVersion: 'v1'
  readonly metadata: ListMeta
  readonly status: 'Success' | 'Failure'
}
