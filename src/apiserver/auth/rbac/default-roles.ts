import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ClusterRole, PolicyRule, RoleBinding, Subject } from '#api/rbac.ts'
import {
  apiVersionOf,
  clusterRoleBindings,
  clusterRoles,
  type Resource,
  roleBindings,
  roles,
} from '#api/resources.ts'

/** A role or binding that every cluster has, and where it is stored. */
export interface Policy {
  readonly resource: Resource
  readonly object: ClusterRole | RoleBinding
}

const BOOTSTRAPPING = { 'kubernetes.io/bootstrapping': 'rbac-defaults' }
/** An administrator who sets it to `false` keeps the object as it is. */
export const AUTO_UPDATE = 'rbac.authorization.kubernetes.io/autoupdate'
const API_GROUP = 'rbac.authorization.k8s.io'

const resources: Readonly<Record<string, Resource>> = {
  Role: roles,
  ClusterRole: clusterRoles,
  RoleBinding: roleBindings,
  ClusterRoleBinding: clusterRoleBindings,
}

/** Upstream's own roles and bindings, read from the text beside this file. */
export const readDefaultRoles = (): readonly Policy[] =>
  parsePolicies(readFileSync(join(import.meta.dirname, 'default-roles.txt'), 'utf8'))

/**
 * Reads roles and bindings. A line without indent begins one: its kind and `name` or `namespace/name`. Below it:
 *
 *     label KEY                              with the value "true"
 *     aggregate KEY                          the rules of all roles with that label
 *     rule VERBS GROUPS RESOURCES [NAMES]    lists with commas; `-` is the core group
 *     url VERBS PATHS
 *     role KIND NAME                         what is bound
 *     subject KIND NAME                      to whom; an account as `namespace/name`
 *
 * @throws SyntaxError
 */
export function parsePolicies(text: string): readonly Policy[] {
  const blocks = text
    .split(/\n(?=\S)/)
    .map((block) => block.split('\n').filter((line) => line !== '' && !line.startsWith('#')))
  return blocks.filter((lines) => lines.length > 0).map(parsePolicy)
}

function parsePolicy([head = '', ...lines]: readonly string[]): Policy {
  const [kind = '', path = ''] = head.split(' ')
  const resource = resources[kind]
  if (!resource) throw new SyntaxError(`Cannot read a policy: ${JSON.stringify(head)} is no kind`)
  const entries = lines.map((line) => line.trim().split(' '))
  const of = (word: string) =>
    entries.filter(([first]) => first === word).map(([, ...rest]) => rest)
  const keys = of('label').map(([key]) => [key!, 'true'] as const)
  const metadata = {
    ...splitPath(path),
    labels: { ...BOOTSTRAPPING, ...Object.fromEntries(keys) },
    annotations: { [AUTO_UPDATE]: 'true' },
  }
  const object = { apiVersion: apiVersionOf(resource), kind, metadata }
  const [ref] = of('role')
  if (ref) return { resource, object: { ...object, ...bindingOf(ref, of('subject')) } }
  const selectors = of('aggregate').map(([key]) => ({ matchLabels: { [key!]: 'true' } }))
  const aggregation =
    selectors.length > 0 ? { aggregationRule: { clusterRoleSelectors: selectors } } : {}
  return { resource, object: { ...object, ...aggregation, rules: entries.flatMap(ruleOf) } }
}

function bindingOf(
  [kind = '', name = '']: readonly string[],
  subjects: readonly (readonly string[])[],
): Pick<RoleBinding, 'roleRef' | 'subjects'> {
  return {
    roleRef: { apiGroup: API_GROUP, kind, name },
    ...(subjects.length > 0 ? { subjects: subjects.map(subjectOf) } : {}),
  }
}

function subjectOf([kind = '', path = '']: readonly string[]): Subject {
  return kind === 'ServiceAccount'
    ? { kind, ...splitPath(path) }
    : { apiGroup: API_GROUP, kind, name: path }
}

function ruleOf([word, verbs = '', second = '', third, fourth]: readonly string[]): PolicyRule[] {
  const list = (words: string) => words.split(',').map((each) => (each === '-' ? '' : each))
  if (word === 'url') return [{ verbs: list(verbs), nonResourceURLs: list(second) }]
  if (word !== 'rule' || third === undefined) return []
  const names = fourth === undefined ? {} : { resourceNames: list(fourth) }
  return [{ verbs: list(verbs), apiGroups: list(second), resources: list(third), ...names }]
}

/** RBAC names may hold a colon and no slash, so the first slash ends the namespace. */
function splitPath(path: string): { name: string; namespace?: string } {
  const slash = path.indexOf('/')
  return slash < 0
    ? { name: path }
    : { name: path.slice(slash + 1), namespace: path.slice(0, slash) }
}
