/** Rules in CEL over HTTP: where requests meet them. Their answers are tested in api/custom-resource/rules. */
import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import { waitFor } from '#testing/wait-for.ts'
import { startTestServer, type TestServer } from '../testing/test-server.ts'

const DEFINITIONS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions'
const GATES = '/apis/example.com/v1/namespaces/default/gates'

const int = { type: 'integer' }
const ruled = (properties: object, ...rules: readonly object[]) => ({
  type: 'object',
  properties,
  'x-kubernetes-validations': rules,
})

const definition = (rule: object) => ({
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'gates.example.com' },
  spec: {
    group: 'example.com',
    scope: 'Namespaced',
    names: { plural: 'gates', kind: 'Gate' },
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        subresources: { status: {} },
        schema: {
          openAPIV3Schema: {
            type: 'object',
            properties: {
              spec: ruled(
                { low: { ...int, default: 1 }, high: int, name: { type: 'string' } },
                rule,
                {
                  rule: '!has(oldSelf.name) || self.name == oldSelf.name',
                  message: 'name is immutable',
                },
              ),
              status: ruled(
                { open: int },
                { rule: 'self.open <= 10', message: 'too many are open' },
              ),
            },
          },
        },
      },
    ],
  },
})

const gate = (name: string, spec: object) => ({
  apiVersion: 'example.com/v1',
  kind: 'Gate',
  metadata: { name },
  spec,
})

const merge = (body: object) => ({
  body,
  headers: { 'content-type': 'application/merge-patch+json' },
})
const apply = (body: object) => ({
  body,
  headers: { 'content-type': 'application/apply-patch+yaml' },
})

suite('rules in CEL', () => {
  let server: TestServer
  before(async () => {
    server = await startTestServer()
    const rule = { rule: 'self.low <= self.high', message: 'low must not be more than high' }
    const made = await server.request('POST', DEFINITIONS, { body: definition(rule) })
    assert.equal(made.code, 201, made.text)
    assert.equal(made.headers.warning, undefined)
    await waitFor(async () => (await server.request('GET', GATES)).code === 200, {
      what: 'the kind to be served',
    })
    const body = gate('a', { high: 3, name: 'x' })
    const created = await server.request('POST', GATES, { body })
    assert.equal(created.code, 201, created.text)
    assert.equal(created.headers.warning, undefined)
  })
  after(() => server[Symbol.asyncDispose]())

  test('a definition whose rule does not compile is refused', async () => {
    const body = definition({ rule: 'self.low <= self.height' })
    const { code, body: status } = await server.request('POST', DEFINITIONS, {
      body: {
        ...body,
        metadata: { name: 'doors.example.com' },
        spec: { ...body.spec, names: { plural: 'doors', kind: 'Door' } },
      },
    })
    // apiextensions-apiserver pkg/apis/apiextensions/validation/validation.go; cel-go common/error.go
    const [cause] = status.details.causes
    assert.equal(code, 422)
    assert.equal(
      cause.field,
      'spec.validation.openAPIV3Schema.properties[spec].x-kubernetes-validations[0].rule',
    )
    assert.match(
      cause.message,
      /compilation failed: ERROR: <input>:1:17: undefined field 'height'\n \| self\.low <= self\.height\n \| \.{16}\^$/,
    )
  })

  const low = 'spec: Invalid value: low must not be more than high'
  const rows = [
    {
      name: 'create',
      request: ['POST', GATES, { body: gate('b', { low: 2, high: 1 }) }],
      want: low,
    },
    {
      name: 'create after defaults',
      request: ['POST', GATES, { body: gate('b', { high: 0 }) }],
      want: low,
    },
    {
      name: 'a merge patch',
      request: ['PATCH', `${GATES}/a`, merge({ spec: { low: 9 } })],
      want: low,
    },
    {
      name: 'apply',
      request: ['PATCH', `${GATES}/a?fieldManager=x&force=true`, apply(gate('a', { low: 9 }))],
      want: low,
    },
    {
      name: 'a transition',
      request: ['PATCH', `${GATES}/a`, merge({ spec: { name: 'y' } })],
      want: 'spec: Invalid value: name is immutable',
    },
    {
      name: 'the status',
      request: ['PATCH', `${GATES}/a/status`, merge({ status: { open: 11 } })],
      want: 'status: Invalid value: too many are open',
    },
    {
      name: 'what is too wrong for rules',
      request: ['POST', GATES, { body: gate('b', { low: 'x', high: 1 }) }],
      want: '[spec.low: Invalid value: "string": spec.low in body must be of type integer: "string", <nil>: Invalid value: null: some validation rules were not checked because the object was invalid; correct the existing errors to complete validation]',
    },
  ] as const
  for (const { name, request, want } of rows) {
    test(name, async () => {
      const [method, path, options] = request
      const { code, body } = await server.request(method, path, options)
      const whole = /^Gate\.example\.com "[ab]" is invalid: (.*)$/s.exec(body.message)?.[1]
      assert.deepEqual([code, whole], [422, want])
    })
  }

  test('what holds is stored', async () => {
    const changed = await server.request('PATCH', `${GATES}/a`, merge({ spec: { low: 2 } }))
    assert.equal(changed.code, 200, changed.text)
    const status = await server.request(
      'PATCH',
      `${GATES}/a/status`,
      merge({ status: { open: 3 } }),
    )
    assert.equal(status.body.status.open, 3)
  })

  test('a rule that came later lets be what was there, with a warning', async () => {
    const path = `${DEFINITIONS}/gates.example.com`
    const rule = { rule: 'self.high > 100', message: 'high is low' }
    const { body } = await server.request('GET', path)
    const { spec } = definition(rule)
    const updated = await server.request('PUT', path, { body: { ...body, spec } })
    assert.equal(updated.code, 200, updated.text)
    const isEnforced = async () =>
      (await server.request('POST', `${GATES}?dryRun=All`, { body: gate('c', { high: 3 }) }))
        .code === 422
    await waitFor(isEnforced, { what: 'the new rule' })
    const labels = merge({ metadata: { labels: { a: 'b' } } })
    const { code, headers } = await server.request('PATCH', `${GATES}/a`, labels)
    // KEP-4008; schema/cel/validation.go, addErr
    assert.deepEqual([code, headers.warning], [200, '299 - "spec: Invalid value: high is low"'])
    const worse = await server.request('PATCH', `${GATES}/a`, merge({ spec: { high: 4 } }))
    assert.equal(worse.code, 422)
  })

  test('rules are published', async () => {
    const { body } = await server.request('GET', '/openapi/v3/apis/example.com/v1')
    const [first] =
      body.components.schemas['com.example.v1.Gate'].properties.spec['x-kubernetes-validations']
    assert.equal(first.message, 'high is low')
  })

  test('a costly rule does not hold up others', async () => {
    const path = `${DEFINITIONS}/gates.example.com`
    const { body } = await server.request('GET', path)
    const { spec } = definition({ rule: 'true' })
    const nested = '[1,2,3,4,5,6,7,8,9,10]'
    const costly = ['a', 'b', 'c', 'd', 'e', 'f', 'g'].reduceRight(
      (inner, name) => `${nested}.all(${name}, ${inner})`,
      'true',
    )
    const schema = {
      type: 'object',
      properties: { spec: ruled({}, { rule: costly, message: 'never' }) },
    }
    const versions = [{ ...spec.versions[0], schema: { openAPIV3Schema: schema } }]
    const refused = await server.request('PUT', path, {
      body: { ...body, spec: { ...spec, versions } },
    })
    assert.equal(refused.code, 422)
    assert.match(refused.body.message, /estimated rule cost exceeds budget by factor of/)
  })
})
