import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import { startTestServer, type TestServer } from '../testing/test-server.ts'
import { createTestTokens } from '../testing/tokens.ts'

let server: TestServer
const RBAC = '/apis/rbac.authorization.k8s.io/v1'

before(async () => {
  server = await startTestServer({
    access: { authorization: 'RBAC' },
    accountTokens: createTestTokens(),
  })
})
after(() => server[Symbol.asyncDispose]())

const sessions = new Map<string, ReturnType<TestServer['connectAs']>>()
async function as(user: string, ...groups: string[]) {
  const key = [user, ...groups].join()
  const session = sessions.get(key) ?? server.connectAs(await server.authority.sign(user, groups))
  sessions.set(key, session)
  return session
}

const create = (path: string, body: object) => server.request('POST', path, { body })
const role = (name: string, rules: object[]) => ({ metadata: { name }, rules })
const binding = (name: string, kind: string, roleName: string, subject: object) => ({
  metadata: { name },
  roleRef: { kind, name: roleName },
  subjects: [subject],
})

// kubernetes test/cmd/authorization.sh and the sentences of registry/rbac.
suite('RBAC objects', () => {
  const READ_PODS = { verbs: ['get'], apiGroups: [''], resources: ['pods'] }

  before(async () => {
    await create(`${RBAC}/namespaces/default/roles`, role('reader', [READ_PODS]))
    await create(
      `${RBAC}/namespaces/default/roles`,
      role('roles-writer', [
        {
          verbs: ['create', 'update'],
          apiGroups: ['rbac.authorization.k8s.io'],
          resources: ['roles', 'rolebindings'],
        },
      ]),
    )
    for (const name of ['reader', 'roles-writer'])
      await create(
        `${RBAC}/namespaces/default/rolebindings`,
        binding(name, 'Role', name, { kind: 'User', name: 'alice' }),
      )
  })

  test('default the API groups of references and subjects', async () => {
    const { body } = await server.request('GET', `${RBAC}/namespaces/default/rolebindings/reader`)
    assert.deepEqual(
      [body.roleRef, body.subjects],
      [
        { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'reader' },
        [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'alice' }],
      ],
    )
  })

  test('count at once: no read before its binding, one after', async () => {
    const session = await as('newcomer')
    const read = () => server.request('GET', '/api/v1/namespaces/default/pods/x', { session })
    assert.equal((await read()).code, 403)
    await create(
      `${RBAC}/namespaces/default/rolebindings`,
      binding('newcomer', 'Role', 'reader', { kind: 'User', name: 'newcomer' }),
    )
    assert.equal((await read()).code, 404)
  })

  // rbac/validation v1.36
  const invalid = [
    {
      name: 'a rule without verbs',
      path: 'clusterroles',
      body: role('x', [{ verbs: [], apiGroups: [''], resources: ['pods'] }]),
      want: 'ClusterRole.rbac.authorization.k8s.io "x" is invalid: rules[0].verbs: Required value: verbs must contain at least one value',
    },
    {
      name: 'a path in a Role',
      path: 'namespaces/default/roles',
      body: role('x', [{ verbs: ['get'], nonResourceURLs: ['/x'] }]),
      want: 'Role.rbac.authorization.k8s.io "x" is invalid: rules[0].nonResourceURLs: Invalid value: ["/x"]: namespaced rules cannot apply to non-resource URLs',
    },
    {
      name: 'an aggregation of nothing',
      path: 'clusterroles',
      body: { metadata: { name: 'x' }, aggregationRule: {} },
      want: 'ClusterRole.rbac.authorization.k8s.io "x" is invalid: aggregationRule.clusterRoleSelectors: Required value: at least one clusterRoleSelector required if aggregationRule is non-nil',
    },
    {
      name: 'a cluster binding to a Role',
      path: 'clusterrolebindings',
      body: binding('x', 'Role', 'reader', { kind: 'User', name: 'a' }),
      want: 'ClusterRoleBinding.rbac.authorization.k8s.io "x" is invalid: roleRef.kind: Unsupported value: "Role": supported values: "ClusterRole"',
    },
    {
      name: 'an account of no namespace in a cluster binding',
      path: 'clusterrolebindings',
      body: binding('x', 'ClusterRole', 'view', { kind: 'ServiceAccount', name: 'a' }),
      want: 'ClusterRoleBinding.rbac.authorization.k8s.io "x" is invalid: subjects[0].namespace: Required value',
    },
    {
      name: 'a subject of an unknown kind',
      path: 'clusterrolebindings',
      body: binding('x', 'ClusterRole', 'view', { kind: 'Robot', name: 'a' }),
      want: 'ClusterRoleBinding.rbac.authorization.k8s.io "x" is invalid: subjects[0].kind: Unsupported value: "Robot": supported values: "ServiceAccount", "User", "Group"',
    },
  ]
  for (const { name, path, body, want } of invalid)
    test(`refuse ${name}`, async () => {
      const answer = await create(`${RBAC}/${path}`, body)
      assert.deepEqual([answer.code, answer.body.message], [422, want])
    })

  test('keep the role of a binding', async () => {
    const path = `${RBAC}/namespaces/default/rolebindings/reader`
    const { body } = await server.request('GET', path)
    const changed = { ...body, roleRef: { ...body.roleRef, name: 'other' } }
    const answer = await server.request('PUT', path, { body: changed })
    assert.deepEqual(
      [answer.code, answer.body.message],
      [
        422,
        'RoleBinding.rbac.authorization.k8s.io "reader" is invalid: roleRef: Invalid value: {"APIGroup":"rbac.authorization.k8s.io","Kind":"Role","Name":"other"}: cannot change roleRef',
      ],
    )
  })

  test('give nobody more than they hold', async () => {
    const session = await as('alice')
    const path = `${RBAC}/namespaces/default/roles`
    const allowed = await server.request('POST', path, { session, body: role('own', [READ_PODS]) })
    assert.equal(allowed.code, 201)
    const rules = [
      { ...READ_PODS, verbs: ['get', 'list', 'delete'] },
      { ...READ_PODS, resources: ['secrets'] },
    ]
    const refused = await server.request('POST', path, { session, body: role('more', rules) })
    assert.deepEqual(
      [refused.code, refused.body.message],
      [
        403,
        'roles.rbac.authorization.k8s.io "more" is forbidden: user "alice" (groups=["system:authenticated"]) is attempting to grant RBAC permissions not currently held:\n{APIGroups:[""], Resources:["pods"], Verbs:["list" "delete"]}\n{APIGroups:[""], Resources:["secrets"], Verbs:["get"]}',
      ],
    )
  })

  test('bind nobody to a role that the binder does not hold, unless it may bind', async () => {
    const session = await as('alice')
    const path = `${RBAC}/namespaces/default/rolebindings`
    const bind = (name: string) => ({
      session,
      body: binding(name, 'ClusterRole', 'cluster-admin', { kind: 'User', name: 'alice' }),
    })
    const refused = await server.request('POST', path, bind('up'))
    assert.deepEqual(
      [refused.code, refused.body.message],
      [
        403,
        'rolebindings.rbac.authorization.k8s.io "up" is forbidden: user "alice" (groups=["system:authenticated"]) is attempting to grant RBAC permissions not currently held:\n{APIGroups:["*"], Resources:["*"], Verbs:["*"]}\n{NonResourceURLs:["*"], Verbs:["*"]}',
      ],
    )
    const missing = await server.request('POST', path, {
      session,
      body: binding('lost', 'ClusterRole', 'none', { kind: 'User', name: 'alice' }),
    })
    assert.equal(missing.body.message, 'clusterrole.rbac.authorization.k8s.io "none" not found')
    await create(
      `${RBAC}/namespaces/default/roles`,
      role('binder', [
        {
          verbs: ['bind'],
          apiGroups: ['rbac.authorization.k8s.io'],
          resources: ['clusterroles'],
          resourceNames: ['cluster-admin'],
        },
      ]),
    )
    await create(path, binding('binder', 'Role', 'binder', { kind: 'User', name: 'alice' }))
    assert.equal((await server.request('POST', path, bind('up'))).code, 201)
    await server.request('DELETE', `${path}/up`)
  })
})

// pkg/registry/authorization and kubectl auth can-i
suite('reviews', () => {
  const AUTHORIZATION = '/apis/authorization.k8s.io/v1'
  const pods = { verb: 'get', resource: 'pods', namespace: 'default' }

  test('say whether a user may, and why', async () => {
    const { code, body } = await create(`${AUTHORIZATION}/subjectaccessreviews`, {
      spec: { user: 'alice', resourceAttributes: pods },
    })
    assert.deepEqual(
      [code, body.status],
      [
        201,
        {
          allowed: true,
          reason: 'RBAC: allowed by RoleBinding "reader/default" of Role "reader" to User "alice"',
        },
      ],
    )
    const other = await create(`${AUTHORIZATION}/subjectaccessreviews`, {
      spec: { user: 'nobody', resourceAttributes: pods },
    })
    assert.deepEqual(other.body.status, { allowed: false })
  })

  test('of oneself', async () => {
    const session = await as('alice')
    const ask = (spec: object) =>
      server.request('POST', `${AUTHORIZATION}/selfsubjectaccessreviews`, {
        session,
        body: { spec },
      })
    const yes = await ask({ resourceAttributes: pods })
    assert.equal(yes.body.status.allowed, true)
    const path = await ask({ nonResourceAttributes: { verb: 'get', path: '/metrics' } })
    assert.equal(path.body.status.allowed, false)
  })

  // apis/authorization/validation v1.36
  const invalid = [
    {
      name: 'nothing asked',
      kind: 'subjectaccessreviews',
      spec: { user: 'a' },
      want: 'SubjectAccessReview.authorization.k8s.io "" is invalid: spec.resourceAttributes: Invalid value: null: exactly one of nonResourceAttributes or resourceAttributes must be specified',
    },
    {
      name: 'nobody asked about',
      kind: 'subjectaccessreviews',
      spec: { resourceAttributes: pods },
      want: 'SubjectAccessReview.authorization.k8s.io "" is invalid: spec.user: Invalid value: "": at least one of user or group must be specified',
    },
    {
      name: 'two things at once',
      kind: 'subjectaccessreviews',
      spec: { user: 'a', resourceAttributes: pods, nonResourceAttributes: { path: '/' } },
      want: 'SubjectAccessReview.authorization.k8s.io "" is invalid: spec.nonResourceAttributes: Invalid value: {"Path":"/","Verb":""}: cannot be specified in combination with resourceAttributes',
    },
    {
      name: 'another namespace',
      kind: 'namespaces/kube-system/localsubjectaccessreviews',
      spec: { user: 'a', resourceAttributes: pods },
      want: 'LocalSubjectAccessReview.authorization.k8s.io "" is invalid: spec.resourceAttributes.namespace: Invalid value: "default": must match metadata.namespace',
    },
  ]
  for (const { name, kind, spec, want } of invalid)
    test(`refuse ${name}`, async () => {
      const { code, body } = await create(`${AUTHORIZATION}/${kind}`, { spec })
      assert.deepEqual([code, body.message], [422, want])
    })

  test('list all that one may do', async () => {
    const session = await as('alice')
    const body = { spec: { namespace: 'default' } }
    const path = `${AUTHORIZATION}/selfsubjectrulesreviews`
    const answer = await server.request('POST', path, { session, body })
    const { resourceRules, nonResourceRules, incomplete } = answer.body.status
    assert.equal(incomplete, false)
    assert.ok(resourceRules.some((rule: { resources: string[] }) => rule.resources[0] === 'pods'))
    const paths = nonResourceRules.flatMap(
      (rule: { nonResourceURLs: string[] }) => rule.nonResourceURLs,
    )
    assert.ok(paths.includes('/healthz'))
    const empty = await server.request('POST', path, { session, body: { spec: {} } })
    assert.deepEqual([empty.code, empty.body.message], [400, 'no namespace on request'])
  })
})

// apiserver endpoints/filters/impersonation/impersonation_test.go
suite('impersonation', () => {
  const whoami = (headers: Record<string, string>, session?: Awaited<ReturnType<typeof as>>) =>
    server.request('POST', '/apis/authentication.k8s.io/v1/selfsubjectreviews', {
      body: {},
      headers,
      ...(session ? { session } : {}),
    })
  const cases = [
    {
      name: 'a user',
      headers: { 'impersonate-user': 'bob' },
      want: { username: 'bob', groups: ['system:authenticated'] },
    },
    {
      name: 'a user with groups and a uid',
      headers: { 'impersonate-user': 'bob', 'impersonate-group': 'staff', 'impersonate-uid': '7' },
      want: { username: 'bob', uid: '7', groups: ['staff', 'system:authenticated'] },
    },
    {
      name: 'an account',
      headers: { 'impersonate-user': 'system:serviceaccount:shop:robot' },
      want: {
        username: 'system:serviceaccount:shop:robot',
        groups: ['system:serviceaccounts', 'system:serviceaccounts:shop', 'system:authenticated'],
      },
    },
    {
      name: 'nobody',
      headers: { 'impersonate-user': 'system:anonymous' },
      want: undefined,
    },
    {
      name: 'with extra keys',
      headers: { 'impersonate-user': 'bob', 'impersonate-extra-example.com%2fscopes': 'a' },
      want: {
        username: 'bob',
        groups: ['system:authenticated'],
        extra: { 'example.com/scopes': ['a'] },
      },
    },
  ]
  for (const { name, headers, want } of cases)
    test(`as ${name}`, async () => {
      const { code, body } = await whoami(headers as unknown as Record<string, string>)
      if (want) assert.deepEqual([code, body.status.userInfo], [201, want])
      else assert.equal(code, 403) // only system:authenticated may review itself
    })

  test('is refused without the right, and without a user', async () => {
    const session = await as('alice')
    const refused = await whoami({ 'impersonate-user': 'bob' }, session)
    assert.deepEqual(
      [refused.code, refused.body.message],
      [
        403,
        'users "bob" is forbidden: User "alice" cannot impersonate resource "users" in API group "" at the cluster scope',
      ],
    )
    const group = await whoami({ 'impersonate-group': 'staff' })
    assert.deepEqual(
      [group.code, group.body.message],
      [400, 'requested [{Group  staff    }] without impersonating a user'],
    )
  })
})
