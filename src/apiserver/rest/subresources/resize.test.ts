import assert from 'node:assert/strict'
import { test } from 'node:test'
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
