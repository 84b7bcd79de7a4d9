import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import type { JSONObject } from '../json.ts'
import { configMaps, deployments, pods, services } from '../resources.ts'
import { checkFields } from './check-fields.ts'

// Expected: sigs.k8s.io/json (a fork of encoding/json), as `kubectl apply` shows it for a real server.
const mistyped = [
  {
    name: 'string for a number',
    resource: services,
    object: { spec: { ports: [{ port: '80' }] } },
    want: 'json: cannot unmarshal string into Go struct field ServicePort.spec.ports.port of type int32',
  },
  {
    name: 'number for a string, deep',
    resource: deployments,
    object: { spec: { template: { spec: { containers: [{ env: [{ name: 'A', value: 1 }] }] } } } },
    want: 'json: cannot unmarshal number into Go struct field EnvVar.spec.template.spec.containers.env.value of type string',
  },
  {
    name: 'number in a map of strings',
    resource: configMaps,
    object: { data: { a: 1 } },
    want: 'json: cannot unmarshal number into Go struct field ConfigMap.data of type string',
  },
  {
    name: 'string for a list of structs',
    resource: pods,
    object: { spec: { containers: 'a' } },
    want: 'json: cannot unmarshal string into Go struct field PodSpec.spec.containers of type []v1.Container',
  },
  {
    name: 'a fraction for an integer',
    resource: deployments,
    object: { spec: { replicas: 1.5 } },
    want: 'json: cannot unmarshal number 1.5 into Go struct field DeploymentSpec.spec.replicas of type int32',
  },
  {
    name: 'a number for a named string type',
    resource: services,
    object: { spec: { type: 1 } },
    want: 'json: cannot unmarshal number into Go struct field ServiceSpec.spec.type of type v1.ServiceType',
  },
  {
    name: 'text for a quantity',
    resource: pods,
    object: { spec: { overhead: { cpu: 'lots' } } },
    want: "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
  },
]

suite('checkFields()', () => {
  for (const { name, resource, object, want } of mistyped) {
    test(`refuses ${name}`, () =>
      assert.equal(checkFields(resource, object as JSONObject).typeError, want))
  }

  test('names unknown fields in document order, with indices, and prunes them', () => {
    const object = { foo: 1, spec: { ports: [{ port: 80 }, { port: 81, Port: 3 }], bar: {} } }
    const { unknown, object: pruned } = checkFields(services, object)
    assert.deepEqual(unknown, ['foo', 'spec.ports[1].Port', 'spec.bar'])
    assert.deepEqual(pruned, { spec: { ports: [{ port: 80 }, { port: 81 }] } })
  })

  test('drops nulls and what Go would omit, and keeps zeros behind pointers', () => {
    const object = {
      metadata: { name: 'a', labels: {}, creationTimestamp: null },
      spec: {
        replicas: 0,
        paused: false,
        template: { spec: { nodeName: '', hostNetwork: false } },
      },
    }
    assert.deepEqual(checkFields(deployments, object).object, {
      metadata: { name: 'a' },
      spec: { replicas: 0, template: { spec: {} } },
    })
  })

  test('keeps a ConfigMap key called __proto__', () => {
    const { object } = checkFields(configMaps, JSON.parse('{"data":{"__proto__":"x"}}'))
    assert.equal(JSON.stringify(object), '{"data":{"__proto__":"x"}}')
  })

  test('takes any JSON', () => {
    const values = fc.letrec<{ value: unknown; object: JSONObject }>((tie) => ({
      value: fc.oneof({ maxDepth: 4 }, fc.jsonValue({ maxDepth: 1 }), tie('object')),
      object: fc.dictionary(
        fc.constantFrom(
          'metadata',
          'spec',
          'ports',
          'name',
          'labels',
          'type',
          'containers',
          '__proto__',
        ),
        tie('value'),
        { maxKeys: 4 }, // as many at each depth
      ) as fc.Arbitrary<JSONObject>,
    }))
    fc.assert(
      fc.property(values.object, (object) => {
        const once = checkFields(services, object)
        // What came out passes again, unless it was refused.
        if (!once.typeError) assert.deepEqual(checkFields(services, once.object).unknown, [])
      }),
      { numRuns: 300 },
    )
  })
})
