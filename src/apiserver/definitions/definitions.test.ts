import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import { waitFor } from '#testing/wait-for.ts'
import { startTestServer, type TestServer } from '../testing/test-server.ts'

const DEFINITIONS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions'
const WIDGETS = '/apis/example.com/v1/namespaces/default/widgets'

const widgets = (change: object = {}) => ({
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'widgets.example.com' },
  spec: {
    group: 'example.com',
    scope: 'Namespaced',
    names: { plural: 'widgets', kind: 'Widget', shortNames: ['wd'], categories: ['all'] },
    versions: [version('v1', true), version('v1beta1', false)],
    ...change,
  },
})

interface Condition {
  readonly type: string
  readonly status: string
}

const version = (name: string, storage: boolean) => ({
  name,
  served: true,
  storage,
  schema: {
    openAPIV3Schema: {
      type: 'object',
      properties: {
        spec: {
          type: 'object',
          required: ['size'],
          properties: {
            size: { type: 'integer', minimum: 1, maximum: 10 },
            color: { type: 'string', enum: ['red', 'blue'], default: 'red' },
            replicas: { type: 'integer' },
          },
        },
        status: { type: 'object', properties: { replicas: { type: 'integer' } } },
      },
    },
  },
  subresources: {
    status: {},
    scale: { specReplicasPath: '.spec.replicas', statusReplicasPath: '.status.replicas' },
  },
  additionalPrinterColumns: [
    { name: 'Size', type: 'integer', jsonPath: '.spec.size' },
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
  ],
  selectableFields: [{ jsonPath: '.spec.color' }],
})

const widget = (name: string, spec: object, apiVersion = 'example.com/v1') => ({
  apiVersion,
  kind: 'Widget',
  metadata: { name },
  spec,
})

suite('custom resources', () => {
  let server: TestServer
  const get = async (path: string) => (await server.request('GET', path)).body
  const isEstablished = async () => {
    const { status } = await get(`${DEFINITIONS}/widgets.example.com`)
    const isTrue = ({ type, status }: Condition) => type === 'Established' && status === 'True'
    return status.conditions.some(isTrue)
  }
  before(async () => {
    server = await startTestServer()
    const made = await server.request('POST', DEFINITIONS, { body: widgets() })
    assert.equal(made.code, 201, made.text)
    await waitFor(isEstablished, { what: 'the definition to be established' })
  })
  after(() => server[Symbol.asyncDispose]())

  test('a definition is accepted', async () => {
    const { status, spec } = await get(`${DEFINITIONS}/widgets.example.com`)
    assert.deepEqual(status.storedVersions, ['v1'])
    assert.deepEqual(status.acceptedNames, {
      plural: 'widgets',
      singular: 'widget',
      shortNames: ['wd'],
      kind: 'Widget',
      listKind: 'WidgetList',
      categories: ['all'],
    })
    assert.deepEqual(spec.conversion, { strategy: 'None' })
  })

  test('objects are defaulted, pruned and counted', async () => {
    const { code, body, headers } = await server.request('POST', WIDGETS, {
      body: widget('a', { size: 1, weight: 3 }),
    })
    assert.equal(code, 201)
    assert.deepEqual(body.spec, { size: 1, color: 'red' })
    assert.equal(body.metadata.generation, 1)
    assert.equal(headers.warning, '299 - "unknown field \\"spec.weight\\""')
  })

  // apiextensions-apiserver pkg/apiserver/customresource_handler.go
  test('what custom resources do not take', async () => {
    const json = { body: widget('b', { size: 1 }) }
    const types = (...list: readonly string[]) =>
      `the body of the request was in an unknown format - accepted media types include: ${list.join(', ')}`
    const rows = [
      {
        name: 'protobuf',
        request: [
          'POST',
          WIDGETS,
          { body: 'k8s', headers: { 'content-type': 'application/vnd.kubernetes.protobuf' } },
        ],
        want: [415, types('application/json', 'application/yaml')],
      },
      {
        name: 'a strategic merge patch',
        request: [
          'PATCH',
          `${WIDGETS}/a`,
          { body: {}, headers: { 'content-type': 'application/strategic-merge-patch+json' } },
        ],
        want: [
          415,
          types(
            'application/json-patch+json',
            'application/merge-patch+json',
            'application/apply-patch+yaml',
          ),
        ],
      },
      {
        name: 'a method',
        request: ['PUT', WIDGETS, json],
        want: [405, 'update is not supported on resources of kind "widgets.example.com"'],
      },
      {
        name: 'a subresource',
        request: ['GET', `${WIDGETS}/a/log`, {}],
        want: [404, 'widgets.example.com "a" not found'],
      },
      {
        name: 'an update without a version',
        request: ['PUT', `${WIDGETS}/a`, { body: widget('a', { size: 2 }) }],
        want: [
          422,
          'Widget.example.com "a" is invalid: metadata.resourceVersion: Invalid value: 0: must be specified for an update',
        ],
      },
    ] as const
    for (const { name, request, want } of rows) {
      const [method, path, options] = request
      const { code, body } = await server.request(method, path, options)
      assert.deepEqual([code, body.message], want, name)
    }
  })

  test('schemas that are bombs are refused or served, and soon', async () => {
    const bomb = (schema: object, name: string) => {
      const names = { plural: name, kind: `${name[0]!.toUpperCase()}${name.slice(1)}` }
      const versions = [
        { name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: schema } },
      ]
      const made = widgets({ names, versions })
      return { ...made, metadata: { name: `${name}.example.com` } }
    }
    let deep: object = { type: 'string' }
    for (let level = 0; level < 400; level++) deep = { type: 'object', properties: { a: deep } }
    const all = Array.from({ length: 2_000 }, () => ({ pattern: '^(a|a)*b$', minLength: 1 }))
    const wide = {
      type: 'object',
      properties: {
        spec: { type: 'object', properties: { text: { type: 'string', allOf: all } } },
      },
    }
    const before = performance.now()
    const refused = await server.request('POST', DEFINITIONS, { body: bomb(deep, 'deeps') })
    assert.equal(refused.code, 400, refused.text.slice(0, 200))
    const made = await server.request('POST', DEFINITIONS, { body: bomb(wide, 'wides') })
    assert.equal(made.code, 201, made.text.slice(0, 200))
    const path = '/apis/example.com/v1/namespaces/default/wides'
    await waitFor(async () => (await server.request('GET', path)).code === 200, {
      what: 'the kind',
    })
    const spec = { text: 'a'.repeat(500_000) }
    const body = { ...widget('bomb', spec), kind: 'Wides' }
    const answer = await server.request('POST', path, { body })
    assert.equal(answer.code, 422)
    // apiextensions-apiserver pkg/apiserver/schema/cel/validation.go
    assert.match(answer.body.message, /validation failed due to running out of cost budget/)
    assert.ok(performance.now() - before < 20_000)
  })

  test('instances with finalizers hold their definition, and nothing is created meanwhile', async () => {
    const held = widget('held', { size: 1 })
    const metadata = { name: 'held', finalizers: ['example.com/hold'] }
    await server.request('POST', WIDGETS, { body: { ...held, metadata } })
    const name = `${DEFINITIONS}/widgets.example.com`
    const deleted = await server.request('DELETE', name)
    assert.deepEqual(deleted.body.metadata.finalizers, [
      'customresourcecleanup.apiextensions.k8s.io',
    ])
    const isTold = async () => {
      const { status } = await get(name)
      return status.conditions.some(
        ({ reason }: { reason: string }) => reason === 'InstanceDeletionInProgress',
      )
    }
    await waitFor(isTold, { what: 'the instances to be deleted' })
    const { code, body } = await server.request('POST', WIDGETS, {
      body: widget('late', { size: 1 }),
    })
    assert.deepEqual(
      [code, body.message],
      [
        403,
        'widgets.example.com "late" is forbidden: create not allowed while custom resource definition is terminating',
      ],
    )
    const headers = { 'content-type': 'application/merge-patch+json' }
    await server.request('PATCH', `${WIDGETS}/held`, {
      body: { metadata: { finalizers: null } },
      headers,
    })
    await waitFor(async () => (await server.request('GET', name)).code === 404, {
      what: 'the definition to go',
    })
    assert.equal((await server.request('GET', WIDGETS)).code, 404)
  })
})
