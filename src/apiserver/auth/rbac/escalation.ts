import { quoteLikeGo } from '#api/field-error.ts'
import { equalJSON } from '#api/json.ts'
import type { KubernetesObject } from '#api/meta.ts'
import type { ClusterRole, PolicyRule, Role, RoleBinding } from '#api/rbac.ts'
import { clusterRoles, type Resource, roles } from '#api/resources.ts'
import { forbidden } from '#api/status.ts'
import type { Admission, AdmissionRequest } from '../../admission/admission.ts'
import type { Authorize } from '../authorize.ts'
import { MASTERS, type User } from '../user.ts'
import { rulesOfUser } from './authorize-rbac.ts'
import { compactRules, formatRule, quoteList, uncovered } from './cover-rules.ts'
import type { RuleIndex } from './rule-index.ts'

const GROUP = 'rbac.authorization.k8s.io'
const ALL: readonly PolicyRule[] = [
  { verbs: ['*'], apiGroups: ['*'], resources: ['*'] },
  { verbs: ['*'], nonResourceURLs: ['*'] },
]

/**
 * Nobody grants what it does not hold, unless it may `escalate` (roles) or `bind` (bindings).
 * Source: registry/rbac/{role,clusterrole,rolebinding,clusterrolebinding}/policybased and escalation_check.go.
 */
export function createEscalationCheck(index: RuleIndex, authorize: Authorize): Admission {
  return {
    admit(request) {
      const { operation, resource, object, user, subresource } = request
      const isChecked = resource.group === GROUP && operation !== 'DELETE' && !subresource
      if (!isChecked || !user || user.groups.includes(MASTERS)) return { object }
      if (onlyForGarbage(request)) return { object }
      if (resource.plural === roles.plural || resource.plural === clusterRoles.plural)
        checkRole(request, user, { index, authorize })
      else checkBinding(request, user, { index, authorize })
      return { object }
    },
  }
}

interface Deps {
  readonly index: RuleIndex
  readonly authorize: Authorize
}

function checkRole(
  { resource, object, old, operation }: AdmissionRequest,
  user: User,
  { index, authorize }: Deps,
): void {
  const { namespace, name } = object.metadata
  const escalate = {
    verb: 'escalate',
    group: resource.group,
    plural: resource.plural,
    ...(namespace === undefined ? {} : { namespace }),
    // As the request has it: a new object's name is in its body.
    ...(operation === 'CREATE' ? {} : { name }),
  }
  if (authorize(user, escalate).verdict === 'allow') return
  const deny = (why: string) => forbidden(resource, name, why)
  const why = missingRights(index, user, namespace, (object as Role).rules ?? [])
  if (why) throw deny(why)
  const aggregates = [object, old].some((role) => hasAggregation(role as ClusterRole | undefined))
  if (aggregates && missingRights(index, user, undefined, ALL))
    throw deny('must have cluster-admin privileges to use the aggregationRule')
}

const hasAggregation = (role: ClusterRole | undefined) =>
  (role?.aggregationRule?.clusterRoleSelectors ?? []).length > 0

function checkBinding(
  { resource, object }: AdmissionRequest,
  user: User,
  { index, authorize }: Deps,
): void {
  const { namespace, name } = object.metadata
  const binding = object as RoleBinding
  const { kind, name: roleName, apiGroup } = binding.roleRef
  const bound: Resource | undefined = { Role: roles, ClusterRole: clusterRoles }[kind]
  if (!bound) return // validation refuses it
  const bind = {
    verb: 'bind',
    group: apiGroup,
    plural: bound.plural,
    name: roleName,
    ...(namespace === undefined ? {} : { namespace }),
  }
  if (authorize(user, bind).verdict === 'allow') return
  const rules = index.rulesOf(binding, namespace) // a role that is not there grants nothing yet, but may later
  const why = missingRights(index, user, namespace, rules)
  if (why) throw forbidden(resource, name, why)
}

/** Upstream's sentence about what the user lacks; undefined where it holds everything. */
function missingRights(
  index: RuleIndex,
  user: User,
  namespace: string | undefined,
  wanted: readonly PolicyRule[],
): string | undefined {
  const { rules, error } = rulesOfUser(index, user, namespace)
  const missing = uncovered(rules, wanted)
  if (missing.length === 0) return undefined
  const lines = [...new Set(compactRules(missing).map(formatRule))].toSorted()
  const errors = error === undefined ? '' : `; resolution errors: [${error}]`
  return `user ${quoteLikeGo(user.name)} (groups=${quoteList(user.groups)}) is attempting to grant RBAC permissions not currently held:\n${lines.join('\n')}${errors}`
}

/** A change of owners and finalizers only, as the garbage collector makes. */
function onlyForGarbage({ object, old }: AdmissionRequest): boolean {
  if (!old) return false
  const strip = (one: KubernetesObject) => {
    const {
      ownerReferences: _owners,
      finalizers: _finalizers,
      managedFields: _fields,
      ...metadata
    } = one.metadata
    return { ...one, metadata }
  }
  return equalJSON(strip(object), strip(old))
}
