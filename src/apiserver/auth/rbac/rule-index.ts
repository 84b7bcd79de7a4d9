import type { ClusterRole, PolicyRule, Role, RoleBinding, Subject } from '#api/rbac.ts'
import {
  clusterRoleBindings,
  clusterRoles,
  type Resource,
  roleBindings,
  roles,
} from '#api/resources.ts'
import { notFound } from '#api/status.ts'
import { follow } from '../../storage/follow.ts'
import type { Store } from '../../storage/store.ts'
import { serviceAccountUser, type User } from '../user.ts'

/** A binding that names the user, and by which of its subjects. */
export interface Grant {
  readonly binding: RoleBinding
  readonly subject: Subject
}

/**
 * Roles and bindings by what a request asks for: a user's bindings are found by its name and groups, however many others there are. A plain
 * value that `follow` keeps equal to the store.
 */
export interface RuleIndex {
  /** Bindings that name the user: the cluster's, then those of the namespace. */
  grants(user: User, namespace: string | undefined): Iterable<Grant>
  /** The rules that a binding of this namespace refers to. @throws StatusError 404 where the role is missing */
  rulesOf(
    binding: Pick<RoleBinding, 'roleRef'>,
    namespace: string | undefined,
  ): readonly PolicyRule[]
}

/** An index that changes with the objects told to it. */
export interface MutableRuleIndex extends RuleIndex {
  setRole(role: Role | undefined, old: Role | undefined): void
  setBinding(binding: RoleBinding | undefined, old: RoleBinding | undefined): void
  clear(resource: Resource): void
}

/** By `namespace`, empty for the cluster's. */
type BySubject = Map<string, Map<string, Grant>>

export function createRuleIndex(): MutableRuleIndex {
  const rules = new Map<string, readonly PolicyRule[]>()
  const bindings = new Map<string, BySubject>()
  return {
    *grants(user, namespace) {
      const subjects = [`User/${user.name}`, ...user.groups.map((group) => `Group/${group}`)]
      for (const scope of namespace ? ['', namespace] : ['']) {
        const bySubject = bindings.get(scope)
        if (bySubject) for (const subject of subjects) yield* bySubject.get(subject)?.values() ?? []
      }
    },
    rulesOf({ roleRef: { kind, name } }, namespace) {
      const isClusterRole = kind === 'ClusterRole'
      const found = rules.get(pathOf(isClusterRole ? undefined : namespace, name))
      // In the singular, as upstream's cache says it.
      if (!found) throw notFound({ group: roles.group, plural: kind.toLowerCase() }, name)
      return found
    },
    setRole(role, old) {
      const { namespace, name } = (role ?? old!).metadata
      if (role) rules.set(pathOf(namespace, name), role.rules ?? [])
      else rules.delete(pathOf(namespace, name))
    },
    setBinding(binding, old) {
      const { namespace = '', name } = (binding ?? old!).metadata
      const bySubject: BySubject = bindings.get(namespace) ?? new Map()
      bindings.set(namespace, bySubject)
      for (const subject of old?.subjects ?? []) remove(bySubject, keyOf(subject, namespace), name)
      for (const subject of binding?.subjects ?? [])
        add(bySubject, keyOf(subject, namespace), { binding: binding!, subject })
      if (bySubject.size === 0) bindings.delete(namespace)
    },
    clear(resource) {
      const isOfCluster = !resource.namespaced
      const map: Map<string, unknown> =
        resource === roles || resource === clusterRoles ? rules : bindings
      for (const key of map.keys()) if (isOfClusterKey(key) === isOfCluster) map.delete(key)
    },
  }
}

const pathOf = (namespace: string | undefined, name: string) => `${namespace ?? ''}/${name}`
const isOfClusterKey = (key: string) => key === '' || key.startsWith('/')

function add(bySubject: BySubject, key: string | undefined, grant: Grant): void {
  if (key === undefined) return
  const grants = bySubject.get(key) ?? new Map<string, Grant>()
  bySubject.set(key, grants)
  const { name } = grant.binding.metadata
  // The first of its subjects that applies is the one that is shown.
  if (!grants.has(name)) grants.set(name, grant)
}

function remove(bySubject: BySubject, key: string | undefined, name: string): void {
  const grants = key === undefined ? undefined : bySubject.get(key)
  grants?.delete(name)
  if (grants?.size === 0) bySubject.delete(key!)
}

/** An account is its user name; where it names no namespace it is of the binding's. */
function keyOf({ kind, name, namespace: own }: Subject, namespace: string): string | undefined {
  if (kind !== 'ServiceAccount') return `${kind}/${name}`
  const of = own || namespace
  return of === '' ? undefined : `User/${serviceAccountUser(of, name)}`
}

/** Keeps the index equal to the store until disposed. */
export async function followRules(store: Store, index: MutableRuleIndex): Promise<Disposable> {
  const stack = new DisposableStack()
  const onRole = (role?: Role | ClusterRole, old?: Role) => index.setRole(role, old)
  const onBinding = (binding?: RoleBinding, old?: RoleBinding) => index.setBinding(binding, old)
  stack.use(await follow(store, roles, onRole, () => index.clear(roles)))
  stack.use(await follow(store, clusterRoles, onRole, () => index.clear(clusterRoles)))
  stack.use(await follow(store, roleBindings, onBinding, () => index.clear(roleBindings)))
  stack.use(
    await follow(store, clusterRoleBindings, onBinding, () => index.clear(clusterRoleBindings)),
  )
  return stack
}
