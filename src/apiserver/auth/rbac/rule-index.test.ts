import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { PolicyRule, RoleBinding, Subject } from '#api/rbac.ts'
import { clusterRoleBindings } from '#api/resources.ts'
import { createRBAC } from './authorize-rbac.ts'
import { createRuleIndex } from './rule-index.ts'

const readPods: PolicyRule = { verbs: ['get'], apiGroups: [''], resources: ['pods'] }
const pods = (namespace?: string) => ({
  verb: 'get',
  group: '',
  plural: 'pods',
  ...(namespace ? { namespace } : {}),
})
const bind = (
  name: string,
  subject: Subject,
  role: { kind: string; name: string },
  namespace?: string,
): RoleBinding => ({
  kind: namespace ? 'RoleBinding' : 'ClusterRoleBinding',
  metadata: { name, ...(namespace ? { namespace } : {}) },
  subjects: [subject],
  roleRef: { apiGroup: 'rbac.authorization.k8s.io', ...role },
})
const user = (name: string, ...groups: string[]) => ({ name, groups })
const reader = { kind: 'ClusterRole', name: 'reader' }

// Sentences: registry/rbac/validation/rule.go, describers; rbac.go Authorize; client-go listers/rbac/v1.
suite('RBAC', () => {
  const index = createRuleIndex()
  const authorize = createRBAC(index)
  index.setRole({ metadata: { name: 'reader' }, rules: [readPods] }, undefined)
  index.setRole({ metadata: { name: 'reader', namespace: 'shop' }, rules: [readPods] }, undefined)
  index.setBinding(bind('all', { kind: 'User', name: 'alice' }, reader), undefined)
  index.setBinding(
    bind('one', { kind: 'Group', name: 'staff' }, { kind: 'Role', name: 'reader' }, 'shop'),
    undefined,
  )
  index.setBinding(
    bind('robots', { kind: 'ServiceAccount', name: 'robot' }, reader, 'shop'),
    undefined,
  )
  index.setBinding(
    bind('lost', { kind: 'User', name: 'carol' }, { kind: 'ClusterRole', name: 'gone' }),
    undefined,
  )
  index.setBinding(
    bind('stray', { kind: 'User', name: 'dave' }, { kind: 'Role', name: 'gone' }, 'shop'),
    undefined,
  )
  const cases = [
    {
      name: 'a cluster binding counts everywhere',
      of: user('alice'),
      at: pods('x'),
      want: 'RBAC: allowed by ClusterRoleBinding "all" of ClusterRole "reader" to User "alice"',
    },
    { name: 'and across namespaces', of: user('alice'), at: pods(), want: /allowed/ },
    {
      name: 'a binding counts in its namespace',
      of: user('bob', 'staff'),
      at: pods('shop'),
      want: 'RBAC: allowed by RoleBinding "one/shop" of Role "reader" to Group "staff"',
    },
    { name: 'and nowhere else', of: user('bob', 'staff'), at: pods('x'), want: undefined },
    { name: 'nor across namespaces', of: user('bob', 'staff'), at: pods(), want: undefined },
    {
      name: 'an account without a namespace is of the binding',
      of: user('system:serviceaccount:shop:robot'),
      at: pods('shop'),
      want: 'RBAC: allowed by RoleBinding "robots/shop" of ClusterRole "reader" to ServiceAccount "robot/shop"',
    },
    {
      name: 'an account of another namespace',
      of: user('system:serviceaccount:x:robot'),
      at: pods('shop'),
      want: undefined,
    },
    {
      name: 'a role that is missing is said',
      of: user('carol'),
      at: pods('shop'),
      want: 'RBAC: clusterrole.rbac.authorization.k8s.io "gone" not found',
    },
    {
      name: 'and so is one of the namespace',
      of: user('dave'),
      at: pods('shop'),
      want: 'RBAC: role.rbac.authorization.k8s.io "gone" not found',
    },
    { name: 'where it is bound', of: user('dave'), at: pods('x'), want: undefined },
  ]
  for (const { name, of, at, want } of cases) {
    test(name, () => {
      const { reason } = authorize(of, at)
      if (want instanceof RegExp) assert.match(reason ?? '', want)
      else assert.equal(reason, want)
    })
  }

  test('follows changes: subjects that go, roles that change, a watch that begins anew', () => {
    const first = bind('b', { kind: 'User', name: 'dora' }, reader)
    index.setBinding(first, undefined)
    assert.equal(authorize(user('dora'), pods()).verdict, 'allow')
    const second = bind('b', { kind: 'User', name: 'erik' }, reader)
    index.setBinding(second, first)
    assert.equal(authorize(user('dora'), pods()).verdict, 'none')
    assert.equal(authorize(user('erik'), pods()).verdict, 'allow')
    index.clear(clusterRoleBindings)
    assert.equal(authorize(user('erik'), pods()).verdict, 'none')
    assert.equal(authorize(user('bob', 'staff'), pods('shop')).verdict, 'allow')
  })

  test('asks only the bindings of the user, however many there are', () => {
    const big = createRuleIndex()
    big.setRole({ metadata: { name: 'reader' }, rules: [readPods] }, undefined)
    for (let at = 0; at < 10_000; at++)
      big.setBinding(bind(`b${at}`, { kind: 'User', name: `user${at}` }, reader), undefined)
    assert.equal([...big.grants(user('user77'), 'shop')].length, 1)
  })
})
