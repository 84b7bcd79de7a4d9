import { equalJSON } from '#api/json.ts'
import type { ClusterRole, PolicyRule, RoleBinding, Subject } from '#api/rbac.ts'
import { encodeRecord, keyOf, objectOf } from '../../rest/record.ts'
import type { Store } from '../../storage/store.ts'
import { uncovered } from './cover-rules.ts'
import { AUTO_UPDATE, type Policy } from './default-roles.ts'

type Desired = ClusterRole | RoleBinding

/**
 * What the stored object must become; undefined where it may stay. Rules, subjects, labels and annotations that somebody added stay, missing ones come
 * back; a binding to another role is replaced. Source: component-helpers auth/rbac/reconciliation.
 */
export function planPolicy(stored: Desired, desired: Desired): Desired | undefined {
  if (stored.metadata.annotations?.[AUTO_UPDATE] === 'false') return undefined
  const { metadata } = stored
  const kept = {
    ...metadata,
    labels: { ...metadata.labels, ...desired.metadata.labels },
    annotations: { ...metadata.annotations, ...desired.metadata.annotations },
  }
  const wanted = isBinding(desired)
    ? withSubjects(stored as RoleBinding, desired)
    : withRules(stored as ClusterRole, desired)
  const planned = { ...wanted, metadata: kept }
  return equalJSON(planned, stored) ? undefined : planned
}

const isBinding = (object: Desired): object is RoleBinding => 'roleRef' in object

function withRules(stored: ClusterRole, desired: ClusterRole): ClusterRole {
  const rules = stored.rules ?? []
  if (desired.aggregationRule) {
    const selectors = stored.aggregationRule?.clusterRoleSelectors ?? []
    const missing = (desired.aggregationRule.clusterRoleSelectors ?? []).filter(
      (selector) => !selectors.some((each) => equalJSON(each, selector)),
    )
    return { ...stored, aggregationRule: { clusterRoleSelectors: [...selectors, ...missing] } }
  }
  const missing: readonly PolicyRule[] = uncovered(rules, desired.rules ?? [])
  return missing.length === 0 ? stored : { ...stored, rules: [...rules, ...missing] }
}

function withSubjects(stored: RoleBinding, desired: RoleBinding): RoleBinding {
  if (!equalJSON(stored.roleRef, desired.roleRef)) return desired
  const { subjects = [] } = stored
  const missing = (desired.subjects ?? []).filter(
    (subject) => !subjects.some((each) => isSame(each, subject)),
  )
  return missing.length === 0 ? stored : { ...stored, subjects: [...subjects, ...missing] }
}

const isSame = (a: Subject, b: Subject) =>
  a.kind === b.kind && a.name === b.name && (a.namespace ?? '') === (b.namespace ?? '')

/** Makes the policies that are missing by `create`, and mends those that lost something. Safe to repeat. */
export async function reconcilePolicies(
  policies: readonly Policy[],
  store: Store,
  create: (policy: Policy) => Promise<unknown>,
): Promise<void> {
  for (const policy of policies) {
    const { resource, object } = policy
    const item = await store.get(keyOf(resource, object.metadata.namespace, object.metadata.name))
    if (!item) {
      await create(policy)
      continue
    }
    const planned = planPolicy(objectOf(item, resource) as Desired, object)
    // Whoever writes at the same time wins; the next start looks again.
    if (planned) await store.update(item.key, item.modRevision, encodeRecord(planned, resource))
  }
}
