import { type FieldError, invalid, required } from '../field-error.ts'
import type { ClusterRole, PolicyRule, Role } from '../rbac.ts'
import { clusterRoles, roles } from '../resources.ts'
import { validateLabelSelector } from '../validation/labels.ts'
import { isPathSegmentName } from '../validation/names.ts'
import { defineKind } from './define-kind.ts'

// Source: rbac/validation v1.36, ValidateRole and ValidateClusterRole.
export const role = defineKind<Role>({
  resource: roles,
  nameRule: isPathSegmentName,
  validate: ({ rules }) => validateRules(rules, true),
})

export const clusterRole = defineKind<ClusterRole>({
  resource: clusterRoles,
  nameRule: isPathSegmentName,
  validate: ({ rules, aggregationRule }) => [
    ...validateRules(rules, false),
    ...(aggregationRule ? validateSelectors(aggregationRule.clusterRoleSelectors ?? []) : []),
  ],
})

function validateSelectors(
  selectors: NonNullable<NonNullable<ClusterRole['aggregationRule']>['clusterRoleSelectors']>,
): FieldError[] {
  const at = 'aggregationRule.clusterRoleSelectors'
  if (selectors.length === 0) {
    const detail = 'at least one clusterRoleSelector required if aggregationRule is non-nil'
    return [required(at, detail)]
  }
  return selectors.flatMap((selector, index) => validateLabelSelector(selector, `${at}[${index}]`))
}

function validateRules(
  rules: readonly PolicyRule[] | undefined = [],
  isNamespaced: boolean,
): FieldError[] {
  return rules.flatMap((rule, index) => validateRule(rule, isNamespaced, `rules[${index}]`))
}

/** ValidatePolicyRule. */
function validateRule(rule: PolicyRule, isNamespaced: boolean, at: string): FieldError[] {
  const { verbs, apiGroups = [], resources = [], resourceNames = [], nonResourceURLs = [] } = rule
  const errors: FieldError[] = []
  if ((verbs ?? []).length === 0)
    errors.push(required(`${at}.verbs`, 'verbs must contain at least one value'))
  if (nonResourceURLs.length > 0) {
    const refuse = (detail: string) =>
      errors.push(invalid(`${at}.nonResourceURLs`, nonResourceURLs, detail))
    if (isNamespaced) refuse('namespaced rules cannot apply to non-resource URLs')
    if (apiGroups.length + resources.length + resourceNames.length > 0)
      refuse('rules cannot apply to both regular resources and non-resource URLs')
    return errors
  }
  if (apiGroups.length === 0)
    errors.push(required(`${at}.apiGroups`, 'resource rules must supply at least one api group'))
  if (resources.length === 0)
    errors.push(required(`${at}.resources`, 'resource rules must supply at least one resource'))
  return errors
}
