import type { KubernetesObject } from './meta.ts'

interface SelectorRequirement {
  readonly key?: string
  readonly operator?: string
  readonly values?: readonly string[]
}

export interface SelectorAttributes {
  readonly rawSelector?: string
  readonly requirements?: readonly SelectorRequirement[]
}

export interface ReviewedResource {
  readonly namespace?: string
  readonly verb?: string
  readonly group?: string
  readonly version?: string
  readonly resource?: string
  readonly subresource?: string
  readonly name?: string
  readonly fieldSelector?: SelectorAttributes
  readonly labelSelector?: SelectorAttributes
}

export interface ReviewedPath {
  readonly path?: string
  readonly verb?: string
}

export interface SelfSubjectAccessReviewSpec {
  readonly resourceAttributes?: ReviewedResource
  readonly nonResourceAttributes?: ReviewedPath
}

export interface SubjectAccessReviewSpec extends SelfSubjectAccessReviewSpec {
  readonly user?: string
  readonly groups?: readonly string[]
  readonly extra?: Readonly<Record<string, readonly string[]>>
  readonly uid?: string
}

/** Of SubjectAccessReview, LocalSubjectAccessReview and, without a user, SelfSubjectAccessReview. */
export interface SubjectAccessReview extends KubernetesObject {
  readonly spec?: SubjectAccessReviewSpec
}

export interface SelfSubjectRulesReview extends KubernetesObject {
  readonly spec?: { readonly namespace?: string }
}
