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
})
