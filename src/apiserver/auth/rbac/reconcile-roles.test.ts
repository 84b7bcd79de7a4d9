import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { ClusterRole, PolicyRule, RoleBinding, Subject } from '#api/rbac.ts'
import { planPolicy } from './reconcile-roles.ts'

const AUTO_UPDATE = 'rbac.authorization.kubernetes.io/autoupdate'
const rule = (verbs: string, resources: string): PolicyRule => ({
  verbs: verbs.split(','),
  apiGroups: [''],
  resources: resources.split(','),
})
const role = (rules: readonly PolicyRule[], more: Partial<ClusterRole> = {}): ClusterRole => ({
  metadata: { name: 'r' },
  rules,
  ...more,
})
const user = (name: string): Subject => ({
  kind: 'User',
  apiGroup: 'rbac.authorization.k8s.io',
  name,
})
const account = (namespace: string, name: string): Subject => ({
  kind: 'ServiceAccount',
  namespace,
  name,
})
const bind = (name: string, subjects: readonly Subject[] | undefined): RoleBinding => ({
  metadata: { name: 'b' },
  roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name },
  ...(subjects ? { subjects } : {}),
})
const select = (...keys: string[]) => ({
  clusterRoleSelectors: keys.map((key) => ({ matchLabels: { [key]: 'true' } })),
})

interface Case<T> {
  readonly name: string
  readonly stored: T
  readonly desired: T
  /** undefined where the stored one may stay. */
  readonly want: T | undefined
}

// Source: component-helpers auth/rbac/reconciliation/reconcile_role.go, with the cases of TestComputeReconciledRoleRules.
suite('planPolicy() of a role', () => {
  const cases: readonly Case<ClusterRole>[] = [
    { name: 'empty', stored: role([]), desired: role([]), want: undefined },
    {
      name: 'as it shall be, in another order',
      stored: role([rule('list,get', 'pods,secrets')]),
      desired: role([rule('get,list', 'secrets,pods')]),
      want: undefined,
    },
    {
      name: 'that lost a rule',
      stored: role([rule('get', 'pods')]),
      desired: role([rule('get', 'pods'), rule('get', 'secrets')]),
      want: role([rule('get', 'pods'), rule('get', 'secrets')]),
    },
    {
      name: 'that somebody widened',
      stored: role([rule('*', '*')]),
      desired: role([rule('get', 'pods')]),
      want: undefined,
    },
    {
      name: 'to which somebody added, and which lacks one',
      stored: role([rule('get', 'pods'), rule('delete', 'pods')]),
      desired: role([rule('get,list', 'pods')]),
      want: role([rule('get', 'pods'), rule('delete', 'pods'), rule('list', 'pods')]),
    },
    {
      name: 'that is protected',
      stored: role([], { metadata: { name: 'r', annotations: { [AUTO_UPDATE]: 'false' } } }),
      desired: role([rule('get', 'pods')]),
      want: undefined,
    },
    {
      name: 'whose labels and annotations are merged, the wanted ones first',
      stored: role([], {
        metadata: { name: 'r', labels: { own: '1', both: 'old' }, annotations: { own: '1' } },
      }),
      desired: role([], {
        metadata: { name: 'r', labels: { both: 'new' }, annotations: { [AUTO_UPDATE]: 'true' } },
      }),
      want: role([], {
        metadata: {
          name: 'r',
          labels: { own: '1', both: 'new' },
          annotations: { own: '1', [AUTO_UPDATE]: 'true' },
        },
      }),
    },
    {
      name: 'of others, whose rules are the aggregation controller’s',
      stored: role([rule('get', 'pods')], { aggregationRule: select('a', 'own') }),
      desired: role([], { aggregationRule: select('a', 'b') }),
      want: role([rule('get', 'pods')], { aggregationRule: select('a', 'own', 'b') }),
    },
    {
      name: 'of others, which selects them already',
      stored: role([rule('get', 'pods')], { aggregationRule: select('b', 'a') }),
      desired: role([], { aggregationRule: select('a') }),
      want: undefined,
    },
  ]
  for (const { name, stored, desired, want } of cases)
    test(name, () => assert.deepEqual(planned(stored, desired), want && labelled(want)))
})

// Source: component-helpers auth/rbac/reconciliation/reconcile_rolebindings.go, with the cases of reconcile_rolebindings_test.go.
suite('planPolicy() of a binding', () => {
  const cases: readonly Case<RoleBinding>[] = [
    {
      name: 'as it shall be',
      stored: bind('r', [user('a')]),
      desired: bind('r', [user('a')]),
      want: undefined,
    },
    {
      name: 'that lost a subject',
      stored: bind('r', [user('own')]),
      desired: bind('r', [user('a'), account('kube-system', 'c')]),
      want: bind('r', [user('own'), user('a'), account('kube-system', 'c')]),
    },
    {
      name: 'that has none any more',
      stored: bind('r', undefined),
      desired: bind('r', [user('a')]),
      want: bind('r', [user('a')]),
    },
    {
      name: 'to an account of the same name elsewhere',
      stored: bind('r', [account('x', 'c')]),
      desired: bind('r', [account('kube-system', 'c')]),
      want: bind('r', [account('x', 'c'), account('kube-system', 'c')]),
    },
  ]
  for (const { name, stored, desired, want } of cases)
    test(name, () => assert.deepEqual(planned(stored, desired), want && labelled(want)))

  test('to another role becomes what it shall be, since a roleRef does not change', () => {
    const want = bind('r', [user('a')])
    const found = planned(bind('other', [user('own')]), want)
    assert.deepEqual([found?.roleRef, found?.subjects], [want.roleRef, want.subjects])
  })
})

function planned<T extends ClusterRole | RoleBinding>(stored: T, desired: T): T | undefined {
  const before = structuredClone(stored)
  const found = planPolicy(labelled(stored), desired)
  assert.deepEqual(stored, before)
  return found as T | undefined // of the kind that was given
}

/** An object that has been written has both maps, if only empty ones. */
const labelled = <T extends ClusterRole | RoleBinding>(object: T): T => ({
  ...object,
  metadata: { labels: {}, annotations: {}, ...object.metadata },
})
