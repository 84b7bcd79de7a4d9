import type {
  ResourceAttributes,
  SelfSubjectRulesReview,
  SubjectAccessReview,
} from '#api/authorization.ts'
import type { FieldError } from '#api/field-error.ts'
import type { KubernetesObject } from '#api/meta.ts'
import { badRequest, invalid } from '#api/status.ts'
import type { Attributes } from '../../auth/authorize.ts'
import { equalities } from '../../auth/request-attributes.ts'
import type { User } from '../../auth/user.ts'
import type { Answer } from '../../http/answer.ts'
import type { RESTDeps, RESTRequest } from '../request.ts'
import { answerReview, readReview } from './read-review.ts'
import { validateAccessReview } from './validate-access-review.ts'

type Handler = (request: RESTRequest, deps: RESTDeps) => Promise<Answer>

/** Whether some user may: pkg/registry/authorization/subjectaccessreview and its like. */
export const reviewSubject: Handler = (request, deps) =>
  review(request, deps, ({ spec = {} }) => ({
    name: spec.user ?? '',
    groups: spec.groups ?? [],
    ...(spec.uid ? { uid: spec.uid } : {}),
    ...(spec.extra ? { extra: spec.extra } : {}),
  }))

/** Whether the asker itself may: `kubectl auth can-i`. */
export const reviewSelfAccess: Handler = (request, deps) =>
  review(request, deps, () => request.user)

async function review(
  request: RESTRequest,
  { access }: RESTDeps,
  subjectOf: (review: SubjectAccessReview) => User,
): Promise<Answer> {
  const { kind, group } = request.spec.resource
  const sent = await readReview<SubjectAccessReview>(request)
  const asked = request.namespace === undefined ? sent : placed(sent, request.namespace)
  const errors: readonly FieldError[] = validateAccessReview(asked, kind)
  if (errors.length > 0) throw invalid({ kind, group }, '', errors)
  const { verdict, reason, error } = access.authorize(subjectOf(asked), attributesOf(asked))
  const problems = [error, selectorProblem(asked)].filter((text) => text !== undefined)
  return answerReview(asked, {
    allowed: verdict === 'allow',
    ...(verdict === 'deny' ? { denied: true } : {}),
    ...(reason ? { reason } : {}),
    ...(problems.length > 0 ? { evaluationError: problems.join('; ') } : {}),
  })
}

function placed<T extends KubernetesObject>(object: T, namespace: string): T {
  const given = object.metadata.namespace
  if (given && given !== namespace)
    throw badRequest(
      'the namespace of the provided object does not match the namespace sent on the request',
    )
  return { ...object, metadata: { ...object.metadata, namespace } }
}

function attributesOf({ spec = {} }: SubjectAccessReview): Attributes {
  const { resourceAttributes, nonResourceAttributes } = spec
  if (!resourceAttributes)
    return { verb: nonResourceAttributes?.verb ?? '', path: nonResourceAttributes?.path ?? '' }
  const { verb = '', group = '', resource = '' } = resourceAttributes
  const { subresource, namespace, name } = resourceAttributes
  return {
    verb,
    group,
    plural: resource,
    ...(subresource ? { subresource } : {}),
    ...(namespace ? { namespace } : {}),
    ...(name ? { name } : {}),
    fields: fieldsOf(resourceAttributes),
  }
}

/** Equalities that the field selector asks for. */
function fieldsOf({ fieldSelector }: ResourceAttributes): Record<string, string> {
  const { rawSelector = '', requirements = [] } = fieldSelector ?? {}
  const listed = requirements.flatMap(({ key = '', operator, values = [] }) =>
    operator === 'In' && values.length === 1 ? [[key, values[0]!] as const] : [],
  )
  return { ...equalities(rawSelector), ...Object.fromEntries(listed) }
}

/** Requirements that no authorizer here understands widen the question, and that is said (registry/authorization/util/helpers.go). */
function selectorProblem({ spec = {} }: SubjectAccessReview): string | undefined {
  const requirements = spec.resourceAttributes?.fieldSelector?.requirements ?? []
  const isKnown = ({ operator, values = [] }: (typeof requirements)[number]) =>
    (operator === 'In' || operator === 'NotIn') && values.length === 1
  const unknown = requirements.filter((each) => !isKnown(each))
  if (unknown.length === 0) return undefined
  const partially = unknown.length < requirements.length ? 'partially ' : ''
  return `spec.resourceAttributes.fieldSelector ${partially}ignored due to parse error`
}

/** All that the asker may do in a namespace: `kubectl auth can-i --list`. */
export const reviewSelfRules: Handler = async (request, { access }) => {
  const sent = await readReview<SelfSubjectRulesReview>(request)
  const namespace = sent.spec?.namespace ?? ''
  if (namespace === '') throw badRequest('no namespace on request')
  const { rules, incomplete, error } = access.rulesOf(request.user, namespace)
  const isResource = (rule: (typeof rules)[number]) => (rule.resources ?? []).length > 0
  return answerReview({ ...sent, spec: {} } as KubernetesObject, {
    resourceRules: rules.filter(isResource).map(({ nonResourceURLs: _, ...rule }) => rule),
    nonResourceRules: rules
      .filter(({ nonResourceURLs = [] }) => nonResourceURLs.length > 0)
      .map(({ verbs, nonResourceURLs }) => ({ verbs, nonResourceURLs })),
    incomplete,
    ...(error === undefined ? {} : { evaluationError: error }),
  })
}
