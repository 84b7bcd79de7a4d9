import type {
  FieldSelectorAttributes,
  NonResourceAttributes,
  SubjectAccessReview,
} from '#api/authorization.ts'
import { type FieldError, invalid, required } from '#api/field-error.ts'

/** Source and sentences: apis/authorization/validation v1.36. `kind` tells the three reviews apart. */
export function validateAccessReview(review: SubjectAccessReview, kind: string): FieldError[] {
  const { spec = {}, metadata } = review
  const { resourceAttributes, nonResourceAttributes } = spec
  const isLocal = kind === 'LocalSubjectAccessReview'
  const errors: FieldError[] = []
  if (resourceAttributes && nonResourceAttributes)
    errors.push(
      invalid(
        'spec.nonResourceAttributes',
        asInGo(nonResourceAttributes),
        'cannot be specified in combination with resourceAttributes',
      ),
    )
  if (!resourceAttributes && !nonResourceAttributes)
    errors.push(
      invalid(
        'spec.resourceAttributes',
        null,
        'exactly one of nonResourceAttributes or resourceAttributes must be specified',
      ),
    )
  if (kind !== 'SelfSubjectAccessReview' && !spec.user && !spec.groups?.length)
    errors.push(
      invalid('spec.user', spec.user ?? '', 'at least one of user or group must be specified'),
    )
  const at = 'spec.resourceAttributes'
  errors.push(...validateSelector(resourceAttributes?.fieldSelector, `${at}.fieldSelector`))
  errors.push(...validateSelector(resourceAttributes?.labelSelector, `${at}.labelSelector`))
  const { name, namespace, managedFields: _, ...rest } = metadata
  if (name !== '' || (!isLocal && namespace) || Object.keys(rest).length > 0)
    errors.push(
      invalid(
        'metadata',
        metadata,
        isLocal ? 'must be empty except for namespace' : 'must be empty',
      ),
    )
  if (!isLocal) return errors
  if (resourceAttributes && (resourceAttributes.namespace ?? '') !== namespace)
    errors.push(
      invalid(
        'spec.resourceAttributes.namespace',
        resourceAttributes.namespace ?? '',
        'must match metadata.namespace',
      ),
    )
  if (nonResourceAttributes)
    errors.push(
      invalid(
        'spec.nonResourceAttributes',
        asInGo(nonResourceAttributes),
        'disallowed on this kind of request',
      ),
    )
  return errors
}

function validateSelector(selector: FieldSelectorAttributes | undefined, at: string): FieldError[] {
  if (!selector) return []
  const { rawSelector = '', requirements = [] } = selector
  if (rawSelector !== '' && requirements.length > 0)
    return [
      invalid(
        `${at}.rawSelector`,
        rawSelector,
        'may not specified at the same time as requirements',
      ),
    ]
  if (rawSelector === '' && requirements.length === 0)
    return [
      required(
        `${at}.requirements`,
        `when ${at} is specified, requirements or rawSelector is required`,
      ),
    ]
  return requirements.flatMap(({ key }, index) =>
    key ? [] : [required(`${at}.requirements[${index}].key`, 'must be specified')],
  )
}

/** As upstream's own type prints: authorization.NonResourceAttributes has no JSON names. */
const asInGo = ({ path = '', verb = '' }: NonResourceAttributes) => ({ Path: path, Verb: verb })
