import type { PolicyRule, RoleBinding, Subject } from '#api/rbac.ts'
import { StatusError } from '#api/status.ts'
import { type Authorize, aggregate, type Decision } from '../authorize.ts'
import type { User } from '../user.ts'
import { ruleAllows } from './match-rule.ts'
import type { Grant, RuleIndex } from './rule-index.ts'

/** Allows what a role that is bound to the user grants. Source: plugin/pkg/auth/authorizer/rbac/rbac.go. */
export const createRBAC =
  (index: RuleIndex): Authorize =>
  (user, attributes): Decision => {
    const namespace = 'path' in attributes ? undefined : attributes.namespace
    const errors: string[] = []
    for (const grant of index.grants(user, namespace)) {
      const rules = resolve(index, grant, namespace)
      if (typeof rules === 'string') errors.push(rules)
      else if (rules.some((rule) => ruleAllows(rule, attributes)))
        return { verdict: 'allow', reason: `RBAC: allowed by ${describe(grant)}` }
    }
    if (errors.length === 0) return { verdict: 'none' }
    const error = aggregate(errors)
    return { verdict: 'none', reason: `RBAC: ${error}` }
  }

export interface RulesOfUser {
  readonly rules: readonly PolicyRule[]
  /** Roles that are bound and missing. */
  readonly error?: string
}

/** All that the user may do in a namespace, and in the cluster. */
export function rulesOfUser(
  index: RuleIndex,
  user: User,
  namespace: string | undefined,
): RulesOfUser {
  const errors: string[] = []
  const rules: PolicyRule[] = []
  for (const grant of index.grants(user, namespace)) {
    const found = resolve(index, grant, namespace)
    if (typeof found === 'string') errors.push(found)
    else rules.push(...found)
  }
  return errors.length === 0 ? { rules } : { rules, error: aggregate(errors) }
}

/** The rules, or why there are none. */
function resolve(
  index: RuleIndex,
  { binding }: Grant,
  namespace: string | undefined,
): readonly PolicyRule[] | string {
  try {
    return index.rulesOf(binding, binding.metadata.namespace === undefined ? undefined : namespace)
  } catch (error) {
    if (error instanceof StatusError) return error.message
    throw error
  }
}

function describe({ binding, subject }: Grant): string {
  const { kind, metadata, roleRef } = binding
  const name = metadata.namespace ? `${metadata.name}/${metadata.namespace}` : metadata.name
  return `${kind} "${name}" of ${roleRef.kind} "${roleRef.name}" to ${describeSubject(subject, binding)}`
}

function describeSubject({ kind, name, namespace }: Subject, { metadata }: RoleBinding): string {
  const shown = kind === 'ServiceAccount' ? `${name}/${namespace || metadata.namespace}` : name
  return `${kind} "${shown}"`
}
