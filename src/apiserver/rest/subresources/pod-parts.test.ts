import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { startTestServer } from '../../testing/test-server.ts'

const PODS = '/api/v1/namespaces/default/pods'
const merge = { 'content-type': 'application/merge-patch+json' }

// registry/core/pod/strategy.go, podResizeStrategy
test('pods/resize changes resources, and nothing else', async () => {
  await using server = await startTestServer()
  const container = { name: 'app', image: 'x', resources: { requests: { cpu: '100m' } } }
  const made = await server.request('POST', PODS, {
    body: { metadata: { name: 'a' }, spec: { containers: [container] } },
  })
  assert.equal(made.body.status.qosClass, 'Burstable')
  assert.equal(made.body.metadata.generation, 1)
  const resources = { requests: { cpu: '200m' } }
  const spec = { nodeName: 'x', containers: [{ ...container, image: 'y', resources }] }
  const resized = await server.request('PATCH', `${PODS}/a/resize`, {
    body: { spec },
    headers: merge,
  })
  assert.equal(resized.code, 200)
  assert.deepEqual(resized.body.spec.containers[0].resources, resources)
  assert.equal(resized.body.spec.containers[0].image, 'x')
  assert.equal(resized.body.spec.nodeName, undefined)
  assert.equal(resized.body.metadata.generation, 2)
  const refused = await server.request('PATCH', `${PODS}/a`, {
    body: { spec: { containers: [container] } },
    headers: merge,
  })
  assert.equal(refused.code, 422)
  const name = 'spec: Forbidden: pod updates may not change fields other than'
  assert.ok(refused.body.message.includes(name), refused.body.message)
  assert.match(refused.body.message, /^- {5}"cpu": "200m"\n\+ {5}"cpu": "100m"$/m)
})

// pkg/registry/core/pod/strategy.go: each writer owns what the strategy takes of it, under the name of the subresource.
suite('managedFields of a part of a pod', () => {
  const apply = { 'content-type': 'application/apply-patch+yaml' }
  const container = { name: 'app', image: 'x', resources: { limits: { cpu: '100m' } } }
  const parts = [
    {
      part: 'ephemeralcontainers',
      // `image` of the container is dropped, and owned by nobody new.
      spec: {
        containers: [{ name: 'app', image: 'y' }],
        ephemeralContainers: [{ name: 'debug', image: 'z' }],
      },
      owned: {
        'f:ephemeralContainers': { 'k:{"name":"debug"}': { '.': {}, 'f:image': {}, 'f:name': {} } },
      },
    },
    {
      part: 'resize',
      spec: { containers: [{ name: 'app', image: 'x', resources: { limits: { cpu: '200m' } } }] },
      owned: {
        'f:containers': {
          'k:{"name":"app"}': { '.': {}, 'f:resources': { 'f:limits': { 'f:cpu': {} } } },
        },
      },
    },
  ] as const
  for (const { part, spec, owned } of parts) {
    test(`${part}, applied`, async () => {
      await using server = await startTestServer()
      await server.request('POST', PODS, {
        body: { metadata: { name: 'a' }, spec: { containers: [container] } },
      })
      const body = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'a' }, spec }
      const path = `${PODS}/a/${part}?fieldManager=me&force=true`
      const answer = await server.request('PATCH', path, { body, headers: apply })
      assert.equal(answer.code, 200, answer.text)
      const mine = answer.body.metadata.managedFields.find(
        ({ manager }: { manager: string }) => manager === 'me',
      )
      assert.deepEqual(
        [mine.operation, mine.subresource, mine.fieldsV1],
        ['Apply', part, { 'f:spec': owned }],
      )
      const missing = await server.request('PATCH', path.replace('/a/', '/b/'), {
        body: { ...body, metadata: { name: 'b' } },
        headers: apply,
      })
      assert.equal(missing.code, 404)
    })
  }

  test('ephemeralcontainers, as kubectl debug patches them', async () => {
    await using server = await startTestServer()
    await server.request('POST', PODS, {
      body: { metadata: { name: 'a' }, spec: { containers: [container] } },
    })
    const { body } = await server.request(
      'PATCH',
      `${PODS}/a/ephemeralcontainers?fieldManager=kubectl-debug`,
      {
        body: { spec: { ephemeralContainers: [{ name: 'debug', image: 'z' }] } },
        headers: { 'content-type': 'application/strategic-merge-patch+json' },
      },
    )
    const mine = body.metadata.managedFields.find(
      ({ manager }: { manager: string }) => manager === 'kubectl-debug',
    )
    assert.deepEqual([mine?.operation, mine?.subresource], ['Update', 'ephemeralcontainers'])
  })

  test('status, updated', async () => {
    await using server = await startTestServer()
    await server.request('POST', PODS, {
      body: { metadata: { name: 'a' }, spec: { containers: [container] } },
    })
    const { body } = await server.request('PATCH', `${PODS}/a/status?fieldManager=agent`, {
      body: { status: { phase: 'Running' } },
      headers: merge,
    })
    const mine = body.metadata.managedFields.find(
      ({ manager }: { manager: string }) => manager === 'agent',
    )
    assert.deepEqual(
      [mine?.subresource, mine?.fieldsV1],
      ['status', { 'f:status': { 'f:phase': {} } }],
    )
  })
})
