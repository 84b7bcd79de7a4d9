import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { schemaType, schemaTypeNames, schemaTypeOf } from './schema.ts'

suite('the table of types', () => {
  test('parses whole, and every reference leads somewhere', () => {
    for (const name of schemaTypeNames()) {
      for (const { type } of schemaType(name).fields) {
        if (type.of.includes('.')) schemaType(type.of)
      }
    }
  })

  // k8s.io/api/core/v1/types.go, ServiceSpec.Ports
  test('knows numbers and keys', () => {
    const ports = schemaType('core.v1.ServiceSpec').json.get('ports')!
    assert.equal(ports.number, 1)
    assert.deepEqual(ports.type, { shape: 'list', of: 'core.v1.ServicePort' })
    assert.deepEqual(ports.listMapKeys, ['port', 'protocol'])
    assert.equal(ports.patchMergeKey, 'port')
  })

  // facts/control-plane.md 2: merge keys differ from map keys in four places only.
  test('has the four places where merge keys are not map keys', () => {
    const differing = schemaTypeNames().flatMap((name) =>
      schemaType(name)
        .fields.filter(({ patchMergeKey, listMapKeys }) => {
          return patchMergeKey && listMapKeys && listMapKeys.join() !== patchMergeKey
        })
        .map((field) => `${name}.${field.name}`),
    )
    assert.deepEqual(differing, [
      'core.v1.Container.ports',
      'core.v1.EphemeralContainerCommon.ports',
      'core.v1.PodSpec.topologySpreadConstraints',
      'core.v1.ServiceSpec.ports',
    ])
  })

  test('finds kinds, and options in every group', () => {
    const find = (group: string, kind: string) => schemaTypeOf({ group, version: 'v1', kind })?.name
    assert.equal(find('apps', 'Deployment'), 'apps.v1.Deployment')
    assert.equal(find('apps', 'DeleteOptions'), 'meta.v1.DeleteOptions')
    assert.equal(find('apps', 'Pod'), undefined)
  })
})
