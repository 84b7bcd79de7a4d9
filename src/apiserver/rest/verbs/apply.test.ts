import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import { startTestServer, type TestServer } from '../../testing/test-server.ts'

let server: TestServer

before(async () => {
  server = await startTestServer()
})
after(() => server[Symbol.asyncDispose]())

const CONFIG_MAPS = '/api/v1/namespaces/default/configmaps'
const DEPLOYMENTS = '/apis/apps/v1/namespaces/default/deployments'
const APPLY = { 'content-type': 'application/apply-patch+yaml' }
const MERGE = { 'content-type': 'application/merge-patch+json' }

const configMap = (name: string, data?: object, metadata: object = {}) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, ...metadata },
  ...(data ? { data } : {}),
})

const apply = (name: string, manager: string, body: unknown, more = '') =>
  server.request('PATCH', `${CONFIG_MAPS}/${name}?fieldManager=${manager}${more}`, {
    body,
    headers: APPLY,
  })
const merge = (path: string, body: unknown) =>
  server.request('PATCH', `${path}${path.includes('?') ? '&' : '?'}fieldManager=m`, {
    body,
    headers: MERGE,
  })
const read = async (name: string) => (await server.request('GET', `${CONFIG_MAPS}/${name}`)).body

interface Entry {
  readonly manager: string
  readonly operation: string
  readonly subresource?: string
  readonly fieldsV1: object
}
const owners = (object: { metadata: { managedFields?: readonly Entry[] } }) =>
  (object.metadata.managedFields ?? []).map(
    ({ manager, operation, subresource }) =>
      `${manager} ${operation}${subresource ? ` ${subresource}` : ''}`,
  )

// https://kubernetes.io/docs/reference/using-api/server-side-apply/ unless a test names another source.
suite('server-side apply', () => {
  test('creates with 201, in YAML too, then answers 200 and writes nothing new', async () => {
    const yaml = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: born}\ndata: {a: "1"}\n'
    const first = await apply('born', 'x', yaml)
    assert.deepEqual([first.code, owners(first.body)], [201, ['x Apply']])
    const [entry] = first.body.metadata.managedFields
    assert.deepEqual(
      [entry.apiVersion, entry.fieldsType, entry.fieldsV1],
      ['v1', 'FieldsV1', { 'f:data': { 'f:a': {} } }],
    )
    const again = await apply('born', 'x', yaml)
    assert.deepEqual(
      [again.code, again.body.metadata.resourceVersion],
      [200, first.body.metadata.resourceVersion],
    )
  })

  // apimachinery util/managedfields/internal/conflict.go
  // apiserver endpoints/handlers/patch.go, applyPatch()
  test('makes no object of the uid of another', async () => {
    const { code, body } = await apply('lost', 'x', configMap('lost', {}, { uid: 'u' }))
    assert.deepEqual(
      [code, body.message],
      [
        409,
        'Operation cannot be fulfilled on configmaps "lost": uid mismatch: the provided object specified uid u, and no existing object was found',
      ],
    )
  })

  test('says with whom it conflicts: 409 with a cause a field', async () => {
    await apply('fought', 'x', configMap('fought', { a: '1', b: '1' }))
    const { code, body } = await apply('fought', 'y', configMap('fought', { a: '2' }))
    assert.deepEqual([code, body.reason], [409, 'Conflict'])
    assert.equal(body.message, 'Apply failed with 1 conflict: conflict with "x": .data.a')
    assert.deepEqual(body.details.causes, [
      { reason: 'FieldManagerConflict', message: 'conflict with "x"', field: '.data.a' },
    ])
    const both = await apply('fought', 'y', configMap('fought', { a: '2', b: '2' }))
    assert.equal(
      both.body.message,
      'Apply failed with 2 conflicts: conflicts with "x":\n- .data.a\n- .data.b',
    )
    const forced = await apply('fought', 'y', configMap('fought', { a: '2' }), '&force=true')
    assert.deepEqual([forced.code, forced.body.data], [200, { a: '2', b: '1' }])
  })

  test('a dry run leaves nothing', async () => {
    assert.equal((await apply('dry', 'x', configMap('dry', {}), '&dryRun=All')).code, 201)
    assert.equal((await server.request('GET', `${CONFIG_MAPS}/dry`)).code, 404)
  })

  test('another write takes what it changes, by its name and how it wrote', async () => {
    await apply('shared', 'x', configMap('shared', { a: '1', b: '1' }))
    const { body } = await merge(`${CONFIG_MAPS}/shared`, { data: { a: '2' } })
    assert.deepEqual(owners(body), ['x Apply', 'm Update'])
    const refused = await apply('shared', 'x', configMap('shared', { a: '1', b: '1' }))
    assert.equal(
      refused.body.message,
      'Apply failed with 1 conflict: conflict with "m" using v1: .data.a',
    )
  })

  test('status and scale have owners of their own', async () => {
    const spec = {
      replicas: 1,
      selector: { matchLabels: { app: 'web' } },
      template: {
        metadata: { labels: { app: 'web' } },
        spec: { containers: [{ name: 'web', image: 'fairlead.dev/echo' }] },
      },
    }
    const body = { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'web' }, spec }
    const path = `${DEPLOYMENTS}/web`
    const write = () => server.request('PATCH', `${path}?fieldManager=x`, { body, headers: APPLY })
    assert.equal((await write()).code, 201)
    await merge(`${path}/status`, { status: { observedGeneration: 1 } })
    await merge(`${path}/scale`, { spec: { replicas: 2 } })
    const { body: found } = await server.request('GET', path)
    assert.deepEqual(owners(found), ['x Apply', 'm Update scale', 'm Update status'])
    assert.equal(
      (await write()).body.message,
      'Apply failed with 1 conflict: conflict with "m" with subresource "scale" using apps/v1: .spec.replicas',
    )
  })

  test('an object whose owners were forgotten is taken from before-first-apply', async () => {
    const body = configMap('plain', { a: '1', b: '1' }, { managedFields: [{}] })
    await server.request('POST', CONFIG_MAPS, { body })
    await server.request('PUT', `${CONFIG_MAPS}/plain`, { body })
    const refused = await apply('plain', 'x', configMap('plain', { a: '2' }))
    assert.equal(
      refused.body.message,
      'Apply failed with 1 conflict: conflict with "before-first-apply" using v1: .data.a',
    )
    const { body: applied } = await apply('plain', 'x', configMap('plain', { a: '1' }))
    assert.deepEqual(owners(applied), ['x Apply', 'before-first-apply Update'])
  })

  // apimachinery util/managedfields/internal/lastappliedmanager.go and lastappliedupdater.go
  test('kubectl takes over what it applied on the client, and nobody else does', async () => {
    const annotation = 'kubectl.kubernetes.io/last-applied-configuration'
    const old = JSON.stringify(configMap('moved', { a: '1' }))
    const body = configMap('moved', { a: '1', b: '1' }, { annotations: { [annotation]: old } })
    await server.request('POST', `${CONFIG_MAPS}?fieldManager=kubectl-client-side-apply`, { body })
    const wanted = configMap('moved', { a: '2' })
    const other = await apply('moved', 'x', wanted)
    assert.match(
      other.body.message,
      /conflict with "kubectl-client-side-apply" using v1: \.data\.a$/,
    )
    const beyond = await apply('moved', 'kubectl', configMap('moved', { a: '2', b: '2' }))
    assert.match(
      beyond.body.message,
      /1 conflict: conflict with "kubectl-client-side-apply" .*: \.data\.b$/,
    )
    const { code, body: moved } = await apply('moved', 'kubectl', wanted)
    assert.deepEqual([code, moved.data], [200, { a: '2', b: '1' }])
    assert.deepEqual(JSON.parse(moved.metadata.annotations[annotation]).data, { a: '2' })
  })

  test('a client may hand fields over, and may not forget them by accident', async () => {
    await apply('handed', 'x', configMap('handed', { a: '1' }))
    const found = await read('handed')
    const { managedFields, ...metadata } = found.metadata
    const put = (body: unknown) =>
      server.request('PUT', `${CONFIG_MAPS}/handed?fieldManager=m`, { body })
    assert.deepEqual(owners((await put({ ...found, metadata })).body), ['x Apply'])
    const [entry] = managedFields
    const renamed = { ...metadata, managedFields: [{ ...entry, manager: 'y' }] }
    assert.deepEqual(owners((await put({ ...found, metadata: renamed })).body), ['y Apply'])
    // internal/fieldmanager.go, isResetManagedFields
    const reset = await put({ ...found, metadata: { ...metadata, managedFields: [{}] } })
    assert.deepEqual(owners(reset.body), [])
  })

  // apimachinery apis/meta/v1/validation/validation.go
  test('refuses a name that is too long', async () => {
    const { code, body } = await apply('bad', 'x'.repeat(129), configMap('bad'))
    assert.deepEqual(
      [code, body.message],
      [
        422,
        'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Too long: may not be more than 128 bytes',
      ],
    )
  })

  const refusals = [
    {
      name: 'owners in the configuration',
      body: configMap('bad', {}, { managedFields: [{ manager: 'x' }] }),
      want: [400, 'metadata.managedFields must be nil'],
    },
    {
      name: 'another name',
      body: configMap('else'),
      want: [400, 'the name of the object (else) does not match the name on the URL (bad)'],
    },
  ] as const
  for (const { name, body, want } of refusals) {
    test(`refuses ${name}`, async () => {
      const answer = await apply('bad', 'x', body)
      assert.deepEqual([answer.code, answer.body.message], want)
    })
  }
})
