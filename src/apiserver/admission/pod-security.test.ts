import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import { startTestServer, type TestServer } from '../testing/test-server.ts'

let server: TestServer
before(async () => {
  server = await startTestServer()
})
after(() => server[Symbol.asyncDispose]())

const LABEL = 'pod-security.kubernetes.io/'
const MERGE = { 'content-type': 'application/merge-patch+json' }

const template = { spec: { containers: [{ name: 'a', image: 'a' }] } }
const post = (path: string, body: object) => server.request('POST', path, { body })
const podsOf = (namespace: string) => `/api/v1/namespaces/${namespace}/pods`
const makeNamespace = async (name: string, labels: Readonly<Record<string, string>>) => {
  const { code } = await post('/api/v1/namespaces', { metadata: { name, labels } })
  assert.equal(code, 201)
}
const deployment = {
  metadata: { name: 'web' },
  spec: {
    selector: { matchLabels: { a: 'b' } },
    template: { metadata: { labels: { a: 'b' } }, ...template },
  },
}

// What each rule says: policy/check_*.go; how it is put together: policy/checks.go, AggregateCheckResult.
const BREACHES =
  'allowPrivilegeEscalation != false (container "a" must set securityContext.allowPrivilegeEscalation=false), ' +
  'unrestricted capabilities (container "a" must set securityContext.capabilities.drop=["ALL"]), ' +
  'runAsNonRoot != true (pod or container "a" must set securityContext.runAsNonRoot=true), ' +
  'seccompProfile (pod or container "a" must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost")'
const warningOf = (text: string) => `299 - ${JSON.stringify(text)}`

// k8s.io/pod-security-admission v0.36 admission/admission.go
suite('pod security', () => {
  test('refuses pods that break what their namespace enforces', async () => {
    await makeNamespace('strict', { [`${LABEL}enforce`]: 'restricted' })
    const refused = await post(podsOf('strict'), { metadata: { name: 'p' }, ...template })
    assert.deepEqual(
      [refused.code, refused.body.message],
      [403, `pods "p" is forbidden: violates PodSecurity "restricted:latest": ${BREACHES}`],
    )
    const securityContext = {
      allowPrivilegeEscalation: false,
      capabilities: { drop: ['ALL'] },
      runAsNonRoot: true,
      seccompProfile: { type: 'RuntimeDefault' },
    }
    const spec = { containers: [{ name: 'a', image: 'a', securityContext }] }
    const taken = await post(podsOf('strict'), { metadata: { name: 'p' }, spec })
    assert.deepEqual([taken.code, taken.headers.warning], [201, undefined])
  })

  test('warns of templates whose pods it would refuse', async () => {
    const answer = await post('/apis/apps/v1/namespaces/strict/deployments', deployment)
    assert.deepEqual(
      [answer.code, answer.headers.warning],
      [201, warningOf(`would violate PodSecurity "restricted:latest": ${BREACHES}`)],
    )
    const scaled = await server.request(
      'PATCH',
      '/apis/apps/v1/namespaces/strict/deployments/web/scale',
      { body: { spec: { replicas: 2 } }, headers: MERGE },
    )
    assert.deepEqual([scaled.code, scaled.headers.warning], [200, undefined])
  })

  test('refuses labels that name no level', async () => {
    const labels = { [`${LABEL}enforce`]: 'tight' }
    const { code, body } = await post('/api/v1/namespaces', { metadata: { name: 'odd', labels } })
    assert.deepEqual(
      [code, body.message],
      [
        422,
        `Namespace "odd" is invalid: metadata.labels[${LABEL}enforce]: Invalid value: "tight": must be one of privileged, baseline, restricted`,
      ],
    )
  })

  test('tells who makes a namespace stricter of the pods in it', async () => {
    await makeNamespace('open', {})
    const spec = { hostNetwork: true, containers: [{ name: 'a', image: 'a' }] }
    for (const name of ['p2', 'p1', 'p3']) {
      assert.equal((await post(podsOf('open'), { metadata: { name }, spec })).code, 201)
    }
    const answer = await server.request('PATCH', '/api/v1/namespaces/open', {
      body: { metadata: { labels: { [`${LABEL}enforce`]: 'baseline' } } },
      headers: MERGE,
    })
    assert.deepEqual(
      [answer.code, answer.headers.warning],
      [
        200,
        [
          warningOf(
            'existing pods in namespace "open" violate the new PodSecurity enforce level "baseline:latest"',
          ),
          warningOf('p1 (and 2 other pods): host namespaces'),
        ].join(', '),
      ],
    )
    // What is there stays: only what is judged anew is refused.
    const labelled = await server.request('PATCH', `${podsOf('open')}/p1`, {
      body: { metadata: { labels: { a: 'b' } } },
      headers: MERGE,
    })
    assert.equal(labelled.code, 200)
    const image = [{ op: 'replace', path: '/spec/containers/0/image', value: 'b' }]
    const changed = await server.request('PATCH', `${podsOf('open')}/p1`, {
      body: image,
      headers: { 'content-type': 'application/json-patch+json' },
    })
    assert.equal(changed.code, 403)
  })
})
