import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { JSONObject } from '../json.ts'
import { kinds } from '../kinds/kinds.ts'
import { encodeOpenAPIv2 } from './encode-openapi-v2.ts'
import { openAPIv2, planOpenAPIv2 } from './openapi-v2.ts'

interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  readonly definitions: Readonly<Record<string, { readonly properties: JSONObject }>>
}
interface Operation {
  readonly consumes: readonly string[]
  readonly parameters: readonly JSONObject[]
  readonly responses: JSONObject
}

// Expected: kubernetes/kubernetes api/openapi-spec/swagger.json, v1.35, without its descriptions. official.test.ts
// compares all of it where it is at hand.
function withoutWords(value: unknown): object {
  const { description, ...rest } = value as { readonly description?: string }
  assert.ok(description)
  return rest
}

suite('OpenAPI v2', () => {
  const text = openAPIv2('json', kinds).body as string
  const { paths, definitions }: Document = JSON.parse(text)

  test('fields refer to definitions, and keep their list and merge keys', () => {
    assert.deepEqual(
      withoutWords(definitions['io.k8s.api.core.v1.ServiceSpec']?.properties.ports),
      {
        items: { $ref: '#/definitions/io.k8s.api.core.v1.ServicePort' },
        type: 'array',
        'x-kubernetes-list-map-keys': ['port', 'protocol'],
        'x-kubernetes-list-type': 'map',
        'x-kubernetes-patch-merge-key': 'port',
        'x-kubernetes-patch-strategy': 'merge',
      },
    )
    assert.deepEqual(
      withoutWords(definitions['io.k8s.api.core.v1.ServicePort']?.properties.targetPort),
      { $ref: '#/definitions/io.k8s.apimachinery.pkg.util.intstr.IntOrString' },
    )
  })

  test('scalars that are numbers or text are strings', () => {
    assert.deepEqual(withoutWords(definitions['io.k8s.apimachinery.pkg.api.resource.Quantity']), {
      type: 'string',
    })
    assert.deepEqual(withoutWords(definitions['io.k8s.apimachinery.pkg.util.intstr.IntOrString']), {
      format: 'int-or-string',
      type: 'string',
    })
  })

  test('a body is a parameter, and an answer has its schema', () => {
    const { consumes, parameters, responses } =
      paths['/api/v1/namespaces/{namespace}/services']!.post!
    assert.deepEqual(consumes, ['*/*'])
    assert.deepEqual(parameters[0], {
      in: 'body',
      name: 'body',
      required: true,
      schema: { $ref: '#/definitions/io.k8s.api.core.v1.Service' },
    })
    const dryRun = parameters.find(({ name }) => name === 'dryRun')
    assert.deepEqual(withoutWords(dryRun), {
      name: 'dryRun',
      in: 'query',
      type: 'string',
      uniqueItems: true,
    })
    assert.deepEqual(responses['200'], {
      description: 'OK',
      schema: { $ref: '#/definitions/io.k8s.api.core.v1.Service' },
    })
  })

  test('every reference leads somewhere', () => {
    const names = [...text.matchAll(/"\$ref":"([^"]+)"/g)].map(([, name]) => name!)
    assert.ok(names.length > 0)
    for (const name of names) assert.ok(definitions[name.replace('#/definitions/', '')], name)
  })
})

// Assembled by hand: a field is its number times 8 plus 2, its length, its bytes; a true bool is number times 8, 1.
// The numbers are those of google/gnostic-models, openapiv2/OpenAPIv2.proto.
suite('encodeOpenAPIv2() writes', () => {
  const cases: readonly { name: string; document: JSONObject; want: string }[] = [
    { name: 'the version', document: { swagger: '2.0' }, want: '0a03322e30' },
    { name: 'info', document: { info: { title: 'a', version: 'b' } }, want: '12060a0161120162' },
    {
      name: 'a definition: its type, an extension as YAML, a required field',
      document: { definitions: { A: { type: 'object', required: ['b'], 'x-c': ['d'] } } },
      want: `4a27 0a25 0a0141 1220 9a010162 b201080a066f626a656374 fa010e0a03782d63120712055b2264225d`,
    },
    {
      name: 'a path: a body, a query and a path parameter, each within its alternatives, and an answer',
      document: {
        paths: {
          '/a': {
            patch: {
              parameters: [
                { in: 'body', name: 'body', required: true, schema: { $ref: '#/d' } },
                { in: 'query', name: 'q', type: 'string' },
              ],
              responses: { '200': { description: 'OK', schema: { $ref: '#/d' } } },
            },
            parameters: [{ required: true, in: 'path', name: 'n', type: 'string' }],
          },
        },
      },
      want: `4274 1272 0a022f61 126c
        3a4f 4219 0a17 0a15 1204626f6479 1a04626f6479 2001 2a050a03232f64
             4218 0a16 1214 1a12 12057175657279 220171 3206737472696e67
             4a18 0a16 0a03323030 120f 0a0d 0a024f4b 1207 0a050a03232f64
        4a19 0a17 1215 2213 0801 120470617468 22016e 2a06737472696e67`,
    },
  ]
  for (const { name, document, want } of cases) {
    test(name, () =>
      assert.equal(Buffer.from(encodeOpenAPIv2(document)).toString('hex'), want.replace(/\s/g, '')),
    )
  }

  test('the whole document, smaller than its JSON', () => {
    const { body } = openAPIv2('protobuf', kinds)
    assert.deepEqual(body, encodeOpenAPIv2(planOpenAPIv2(kinds)))
    assert.ok(body.length < openAPIv2('json', kinds).body.length)
  })
})
