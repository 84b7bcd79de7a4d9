import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { kinds } from '../kinds/kinds.ts'
import { openAPIv3Document, openAPIv3Index } from './openapi-v3.ts'

interface Document {
  readonly paths: Readonly<Record<string, { readonly patch?: Operation }>>
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> }
}
interface Operation {
  readonly parameters: readonly { readonly name: string; readonly in: string }[]
  readonly 'x-kubernetes-group-version-kind': object
}
interface Schema {
  readonly properties?: Readonly<Record<string, Readonly<Record<string, unknown>>>>
  readonly 'x-kubernetes-group-version-kind'?: readonly object[]
}
const core: Document = JSON.parse(openAPIv3Document('api/v1', kinds)!.json)
const { schemas } = core.components

// What kubectl 1.32 needs: facts/control-plane.md 1, "OpenAPI v3".
suite('OpenAPI v3', () => {
  test('index names a document for each group and version, by hash', () => {
    const { paths } = openAPIv3Index(kinds) as {
      paths: Record<string, { serverRelativeURL: string }>
    }
    const served = kinds.map(({ resource: { group, version } }) =>
      group === '' ? `api/${version}` : `apis/${group}/${version}`,
    )
    // As kube-apiserver 1.36 lists them: groups too, and what lies above them.
    const groups = kinds.flatMap(({ resource: { group } }) =>
      group === '' ? [] : [`apis/${group}`],
    )
    const above = ['.well-known/openid-configuration', 'api', 'apis', 'openid/v1/jwks', 'version']
    const all = new Set([...served, ...groups, ...above])
    assert.deepEqual(Object.keys(paths), [...all].toSorted())
    assert.ok(served.includes('api/v1') && served.includes('apis/apps/v1'))
    for (const [path, { serverRelativeURL }] of Object.entries(paths)) {
      const { hash } = openAPIv3Document(path, kinds)!
      assert.equal(serverRelativeURL, `/openapi/v3/${path}?hash=${hash}`)
    }
  })

  test('PATCH takes dryRun and fieldValidation', () => {
    const patch = core.paths['/api/v1/namespaces/{namespace}/services/{name}']?.patch
    const names = patch?.parameters.filter((one) => one.in === 'query').map(({ name }) => name)
    assert.ok(names?.includes('dryRun') && names.includes('fieldValidation'))
    assert.deepEqual(patch?.['x-kubernetes-group-version-kind'], {
      group: '',
      kind: 'Service',
      version: 'v1',
    })
  })

  test('kinds are found by group, version and kind; lists have their merge keys', () => {
    assert.deepEqual(schemas['io.k8s.api.core.v1.Pod']?.['x-kubernetes-group-version-kind'], [
      { group: '', version: 'v1', kind: 'Pod' },
    ])
    const { description, ...ports } = schemas['io.k8s.api.core.v1.ServiceSpec']!.properties!.ports!
    assert.ok(description)
    assert.deepEqual(ports, {
      type: 'array',
      items: { allOf: [{ $ref: '#/components/schemas/io.k8s.api.core.v1.ServicePort' }] },
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['port', 'protocol'],
      'x-kubernetes-patch-strategy': 'merge',
      'x-kubernetes-patch-merge-key': 'port',
    })
  })

  // core/v1 types.go, `+default="TCP"` and `+enum`.
  test('fields have their defaults and closed sets', () => {
    const { protocol } = schemas['io.k8s.api.core.v1.ServicePort']!.properties!
    assert.equal(protocol!.default, 'TCP')
    assert.deepEqual(protocol!.enum, ['SCTP', 'TCP', 'UDP'])
  })

  test('embedded structs are flat, and every reference leads somewhere', () => {
    const volume = schemas['io.k8s.api.core.v1.Volume']?.properties ?? {}
    assert.ok(volume.configMap && volume.name && !volume.volumeSource)
    for (const path of ['api/v1', 'apis/apps/v1', 'apis/networking.k8s.io/v1']) {
      const { json } = openAPIv3Document(path, kinds)!
      const document: Document = JSON.parse(json)
      for (const [, name] of json.matchAll(/"#\/components\/schemas\/([^"]+)"/g)) {
        assert.ok(document.components.schemas[name!], `${path}: ${name}`)
      }
    }
  })

  test('nothing is served elsewhere', () =>
    assert.equal(openAPIv3Document('apis/nobody.example/v1', kinds), undefined))
})
