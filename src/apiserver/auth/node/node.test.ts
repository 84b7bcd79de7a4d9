import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import { startTestServer, type TestServer } from '../../testing/test-server.ts'
import { createTestTokens } from '../../testing/tokens.ts'

let server: TestServer
let node1: ReturnType<TestServer['connectAs']>

const container = { name: 'c', image: 'x' }
const pod = (name: string, more: object = {}) => ({
  metadata: { name },
  spec: { containers: [container], ...more },
})

async function add(path: string, body: object) {
  const answer = await server.request('POST', path, { body })
  assert.equal(answer.code, 201, answer.text)
  return answer.body
}
const CORE = '/api/v1/namespaces/default'
let uid: string

before(async () => {
  server = await startTestServer({
    access: { authorization: 'RBAC' },
    accountTokens: createTestTokens(),
  })
  node1 = server.connectAs(await server.authority.sign('system:node:node1', ['system:nodes']))
  for (const name of ['node1', 'node2']) await add('/api/v1/nodes', { metadata: { name } })
  for (const name of ['mine', 'theirs', 'unused'])
    await add(`${CORE}/secrets`, { metadata: { name } })
  await add(`${CORE}/serviceaccounts`, { metadata: { name: 'default' } })
  await add(`${CORE}/serviceaccounts`, { metadata: { name: 'other' } })
  const volumes = (secretName: string) => ({
    serviceAccountName: 'default',
    volumes: [{ name: 'v', secret: { secretName } }],
  })
  for (const [name, secret, node] of [
    ['own', 'mine', 'node1'],
    ['far', 'theirs', 'node2'],
  ] as const) {
    const made = await add(`${CORE}/pods`, pod(name, volumes(secret)))
    if (name === 'own') uid = made.metadata.uid
    await add(`${CORE}/pods/${name}/binding`, { metadata: { name }, target: { name: node } })
  }
})
after(() => server[Symbol.asyncDispose]())

// Sentences: plugin/pkg/auth/authorizer/node/node_authorizer.go, plugin/pkg/admission/noderestriction/admission.go.
suite("a node's agent", () => {
  const none = `no relationship found between node 'node1' and this object`
  const reads = [
    { name: 'its own Node', path: '/api/v1/nodes/node1', want: 200 },
    {
      name: 'no other Node',
      path: '/api/v1/nodes/node2',
      want: /: node 'node1' cannot read 'node2', only its own Node object$/,
    },
    {
      name: 'not all Nodes',
      path: '/api/v1/nodes',
      want: /: node 'node1' cannot read all nodes, only its own Node object$/,
    },
    {
      name: 'its Node by a watch of its name',
      path: '/api/v1/nodes?fieldSelector=metadata.name%3Dnode1',
      want: 200,
    },
    { name: 'its pods', path: '/api/v1/pods?fieldSelector=spec.nodeName%3Dnode1', want: 200 },
    {
      name: "not another's pods",
      path: '/api/v1/pods?fieldSelector=spec.nodeName%3Dnode2',
      want: /: can only list\/watch pods with spec.nodeName field selector$/,
    },
    { name: 'one of its pods', path: `${CORE}/pods/own`, want: 200 },
    { name: 'no other pod', path: `${CORE}/pods/far`, want: new RegExp(`${none}$`) },
    { name: 'a secret of its pods', path: `${CORE}/secrets/mine`, want: 200 },
    {
      name: "no secret of another node's pods",
      path: `${CORE}/secrets/theirs`,
      want: new RegExp(`${none}$`),
    },
    { name: 'no secret of no pod', path: `${CORE}/secrets/unused`, want: new RegExp(`${none}$`) },
    { name: 'no list of secrets', path: `${CORE}/secrets`, want: /: No Object name found$/ },
    { name: 'services', path: '/api/v1/services', want: 200 },
    {
      name: 'no lease elsewhere',
      path: '/apis/coordination.k8s.io/v1/namespaces/default/leases/node1',
      want: /: can only access leases in the "kube-node-lease" system namespace$/,
    },
    {
      name: "no other node's lease",
      path: '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/node2',
      want: /: can only access node lease with the same name as the requesting node$/,
    },
  ]
  for (const { name, path, want } of reads)
    test(`reads ${name}`, async () => {
      const { code, body } = await server.request('GET', path, { session: node1 })
      if (typeof want === 'number') return assert.equal(code, want, body.message)
      assert.equal(code, 403)
      assert.match(body.message, want)
    })

  const merge = { 'content-type': 'application/merge-patch+json' }
  const writes = [
    {
      name: 'the status of its pod',
      method: 'PATCH',
      path: `${CORE}/pods/own/status`,
      body: { status: { phase: 'Running' } },
      want: 200,
    },
    {
      name: 'no status of another pod',
      method: 'PATCH',
      path: `${CORE}/pods/far/status`,
      body: { status: { phase: 'Failed' } },
      want: /node "node1" can only update pod status for pods with spec.nodeName set to itself$/,
    },
    {
      name: 'its status',
      method: 'PATCH',
      path: '/api/v1/nodes/node1/status',
      body: { status: { phase: 'x' } },
      want: 200,
    },
    {
      name: "no other node's status",
      method: 'PATCH',
      path: '/api/v1/nodes/node2/status',
      body: { status: { phase: 'x' } },
      want: /node "node1" is not allowed to modify node "node2"$/,
    },
    {
      name: 'no taints',
      method: 'PATCH',
      path: '/api/v1/nodes/node1',
      body: { spec: { taints: [{ key: 'a', effect: 'NoSchedule' }] } },
      want: /node "node1" is not allowed to modify taints$/,
    },
    {
      name: 'no labels that steer workloads',
      method: 'PATCH',
      path: '/api/v1/nodes/node1',
      body: { metadata: { labels: { 'node-restriction.kubernetes.io/x': '1' } } },
      want: /is not allowed to modify labels: node-restriction.kubernetes.io\/x$/,
    },
    {
      name: 'labels of its own',
      method: 'PATCH',
      path: '/api/v1/nodes/node1',
      body: { metadata: { labels: { 'kubernetes.io/os': 'linux' } } },
      want: 200,
    },
    {
      name: 'no pod of its own making',
      method: 'POST',
      path: `${CORE}/pods`,
      body: pod('p', { nodeName: 'node1' }),
      want: /pod does not have "kubernetes.io\/config.mirror" annotation, node "node1" can only create mirror pods$/,
    },
    {
      name: 'an end to no other pod',
      method: 'DELETE',
      path: `${CORE}/pods/far`,
      want: /node "node1" can only delete pods with spec.nodeName set to itself$/,
    },
    {
      name: 'no secret',
      method: 'PATCH',
      path: `${CORE}/secrets/mine`,
      body: { data: {} },
      want: /: can only read resources of this type$/,
    },
  ]
  for (const { name, method, path, body, want } of writes)
    test(`writes ${name}`, async () => {
      const headers = method === 'PATCH' ? merge : {}
      const answer = await server.request(method, path, { session: node1, body, headers })
      if (typeof want === 'number') return assert.equal(answer.code, want, answer.body.message)
      assert.equal(answer.code, 403, answer.text)
      assert.match(answer.body.message, want)
    })

  const bound = (name: string, more: object = {}) => ({
    spec: { boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name, ...more } },
  })
  const tokens = [
    {
      name: 'that is bound to no pod',
      body: () => ({}),
      want: /node requested token not bound to a pod$/,
    },
    {
      name: 'without the uid of its pod',
      body: () => bound('own'),
      want: /node requested token with a pod binding without a uid$/,
    },
    {
      name: 'for another uid',
      body: () => bound('own', { uid: 'x' }),
      want: /does not match the UID in record/,
    },
    {
      name: 'for an audience that the pod does not name',
      body: () => {
        const { spec } = bound('own', { uid })
        return { spec: { ...spec, audiences: ['vault'] } }
      },
      want: /audience "vault" not found in pod spec volume, system:node:node1 is not authorized to request tokens for this audience$/,
    },
  ]
  for (const { name, body, want } of tokens)
    test(`gets no token ${name}`, async () => {
      const path = `${CORE}/serviceaccounts/default/token`
      const answer = await server.request('POST', path, { session: node1, body: body() })
      assert.equal(answer.code, 403, answer.text)
      assert.match(answer.body.message, want)
    })

  test('gets the token that its pod mounts', async () => {
    const path = `${CORE}/serviceaccounts/default/token`
    const body = bound('own', { uid })
    assert.equal((await server.request('POST', path, { session: node1, body })).code, 201)
  })

  test('gets no token of an account that none of its pods has', async () => {
    const path = `${CORE}/serviceaccounts/other/token`
    const { code, body } = await server.request('POST', path, { session: node1, body: {} })
    assert.deepEqual([code, body.message.endsWith(none)], [403, true])
  })
})
