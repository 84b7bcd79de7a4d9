import type { KubernetesObject } from '../meta.ts'
import * as resources from '../resources.ts'
import { defineKind } from './define-kind.ts'

/** Questions: created to be answered, and never stored. The server answers them in apiserver/rest/reviews. */
const review = <T extends KubernetesObject>(resource: resources.Resource<T>) =>
  defineKind<T>({ resource, verbs: ['create'], nameRule: () => [] })

export const tokenReview = review(resources.tokenReviews)
export const selfSubjectReview = review(resources.selfSubjectReviews)
export const subjectAccessReview = review(resources.subjectAccessReviews)
export const selfSubjectAccessReview = review(resources.selfSubjectAccessReviews)
export const localSubjectAccessReview = review(resources.localSubjectAccessReviews)
export const selfSubjectRulesReview = review(resources.selfSubjectRulesReviews)
