/**
 * Kinds that users bring, by the real kubectl against the API server alone. What kubectl prints is its own (kubectl 1.32,
 * pkg/cmd); the server's sentences are those of apiextensions-apiserver v0.36 and kube-openapi's validation, which
 * src/api/custom-resource/custom-resource.test.ts compares one by one.
 */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { createSQLiteStore } from '../src/apiserver/storage/sqlite/sqlite-store.ts'
import { startTestServer, type TestServer } from '../src/apiserver/testing/test-server.ts'
import { createKubectl, type Kubectl } from './support/kubectl.ts'

let server: TestServer
let folder: string
let kubectl: Kubectl

async function start(): Promise<void> {
  server = await startTestServer({ store: createSQLiteStore(join(folder, 'store.db')) })
  kubectl = createKubectl(server, folder)
}

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'fairlead-custom-'))
  await start()
})
after(async () => {
  await server[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true })
})

// The CronTab of kubernetes.io, "Extend the Kubernetes API with CustomResourceDefinitions", with all that it tells of.
const definition = (more = '', versions = '') => `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: crontabs.stable.example.com}
spec:
  group: stable.example.com
  scope: Namespaced
  names: {plural: crontabs, singular: crontab, kind: CronTab, shortNames: [ct], categories: [all]}
  versions:
  - name: v1
    served: true
    storage: true
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec:
            type: object
            description: What runs, and when.
            required: [cronSpec]
            properties:
              cronSpec: {type: string, pattern: '^(\\d+|\\*)(/\\d+)?(\\s+(\\d+|\\*)(/\\d+)?){4}$', description: The times.}
              image: {type: string, default: busybox}
              replicas: {type: integer, minimum: 1, maximum: 10}
              color: {type: string}
              ports:
                type: array
                x-kubernetes-list-type: map
                x-kubernetes-list-map-keys: [name]
                items: {type: object, required: [name], properties: {name: {type: string}, port: {type: integer}}}
              ${more}
          status: {type: object, properties: {replicas: {type: integer}, labelSelector: {type: string}}}
    subresources:
      status: {}
      scale: {specReplicasPath: .spec.replicas, statusReplicasPath: .status.replicas, labelSelectorPath: .status.labelSelector}
    selectableFields: [{jsonPath: .spec.color}]
    additionalPrinterColumns:
    - {name: Spec, type: string, jsonPath: .spec.cronSpec}
    - {name: Replicas, type: integer, jsonPath: .spec.replicas}
    - {name: Image, type: string, jsonPath: .spec.image, priority: 1}
    - {name: Age, type: date, jsonPath: .metadata.creationTimestamp}
${versions}
`
const crontab = (name: string, spec: string, apiVersion = 'stable.example.com/v1') =>
  `apiVersion: ${apiVersion}\nkind: CronTab\nmetadata: {name: ${name}}\nspec: ${spec}\n`

const CRD = 'crd/crontabs.stable.example.com'
const CR = "{cronSpec: '* * * * */5', replicas: 2, color: red}"

suite('kubectl and custom resources', () => {
  test('a definition is created and established', async () => {
    assert.equal(
      await kubectl.succeed(['apply', '-f', '-'], definition()),
      'customresourcedefinition.apiextensions.k8s.io/crontabs.stable.example.com created\n',
    )
    assert.equal(
      await kubectl.succeed(['wait', '--for=condition=Established', '--timeout=180s', CRD]),
      'customresourcedefinition.apiextensions.k8s.io/crontabs.stable.example.com condition met\n',
    )
    // apiserver registry/rest/table.go: kinds without columns of their own
    assert.match(
      await kubectl.succeed(['get', 'crd']),
      /^NAME +CREATED AT\ncrontabs\.stable\.example\.com +\d{4}-/,
    )
    assert.match(
      await kubectl.succeed(['api-resources', '--api-group=stable.example.com', '--no-headers']),
      /^crontabs +ct +stable\.example\.com\/v1 +true +CronTab\n$/,
    )
  })

  test('objects are created with defaults, and shown by the columns', async () => {
    assert.equal(
      await kubectl.succeed(['apply', '-f', '-'], crontab('one', CR)),
      'crontab.stable.example.com/one created\n',
    )
    assert.equal(
      await kubectl.succeed(['get', 'ct', 'one', '-o', 'jsonpath={.spec.image}']),
      'busybox',
    )
    assert.match(
      await kubectl.succeed(['get', 'crontabs']),
      /^NAME +SPEC +REPLICAS +AGE\none +\* \* \* \* \*\/5 +2 +\d+s\n$/,
    )
    assert.match(
      await kubectl.succeed(['get', 'ct', '-o', 'wide']),
      /^NAME +SPEC +REPLICAS +IMAGE +AGE\n/,
    )
    assert.match(await kubectl.succeed(['get', 'all']), /^crontab\.stable\.example\.com\/one /m)
    const selected = ['get', 'ct', '-o', 'name', '--field-selector']
    assert.equal(
      await kubectl.succeed([...selected, 'spec.color=red']),
      'crontab.stable.example.com/one\n',
    )
    assert.equal(await kubectl.succeed([...selected, 'spec.color=blue']), '')
    assert.match(
      await kubectl.refused([...selected, 'spec.image=busybox']),
      /field label not supported: spec\.image/,
    )
  })

  test('bad objects are refused', async () => {
    assert.equal(
      await kubectl.refused(
        ['create', '-f', '-'],
        crontab('bad', "{cronSpec: 'now', replicas: 11}"),
      ),
      `The CronTab "bad" is invalid: 
* spec.cronSpec: Invalid value: "now": spec.cronSpec in body should match '^(\\d+|\\*)(/\\d+)?(\\s+(\\d+|\\*)(/\\d+)?){4}$'
* spec.replicas: Invalid value: 11: spec.replicas in body should be less than or equal to 10
`,
    )
    assert.match(
      await kubectl.refused(
        ['create', '-f', '-'],
        crontab('bad', "{cronSpec: '* * * * *', imag: x}"),
      ),
      /strict decoding error: unknown field "spec\.imag"/,
    )
    assert.match(
      await kubectl.refused(['create', '-f', '-'], crontab('bad', "{replicas: '2'}")),
      /spec\.replicas in body must be of type integer: "string"/,
    )
    assert.match(
      await kubectl.refused(
        ['create', '-f', '-'],
        crontab('bad', "{cronSpec: '* * * * *', ports: [{name: a}, {name: a}]}"),
      ),
      /spec\.ports\[1\]: Duplicate value: map\[string\]interface \{\}\{"name":"a"\}|spec\.ports\[1\]: Duplicate value: \{"name":"a"\}/,
    )
  })

  test('explain reads the schema', async () => {
    const text = await kubectl.succeed(['explain', 'crontab.spec'])
    assert.match(text, /^GROUP: +stable\.example\.com\nKIND: +CronTab\nVERSION: +v1\n/)
    assert.match(text, /What runs, and when\./)
    assert.match(text, /^ {2}cronSpec\t<string> -required-\n {4}The times\.$/m)
    assert.match(text, /^ {2}replicas\t<integer>$/m)
  })

  test('patches: merge, JSON and apply, and no strategic one', async () => {
    const patch = ['patch', 'ct', 'one', '--type']
    assert.equal(
      await kubectl.succeed([...patch, 'merge', '-p', '{"spec":{"replicas":3}}']),
      'crontab.stable.example.com/one patched\n',
    )
    await kubectl.succeed([
      ...patch,
      'json',
      '-p',
      '[{"op":"replace","path":"/spec/replicas","value":4}]',
    ])
    assert.equal(
      await kubectl.succeed([
        'get',
        'ct',
        'one',
        '-o',
        'jsonpath={.spec.replicas} {.metadata.generation}',
      ]),
      '4 3',
    )
    assert.match(
      await kubectl.refused([...patch, 'strategic', '-p', '{"spec":{"replicas":3}}']),
      /the body of the request was in an unknown format - accepted media types include: application\/json-patch\+json, application\/merge-patch\+json, application\/apply-patch\+yaml/,
    )
    const ports = (list: string) => crontab('two', `{cronSpec: '* * * * *', ports: ${list}}`)
    const apply = (manager: string) => [
      'apply',
      '--server-side',
      '--field-manager',
      manager,
      '-f',
      '-',
    ]
    await kubectl.succeed(apply('a'), ports('[{name: http, port: 80}]'))
    await kubectl.succeed(apply('b'), ports('[{name: https, port: 443}]'))
    assert.equal(
      await kubectl.succeed(['get', 'ct', 'two', '-o', 'jsonpath={.spec.ports[*].name}']),
      'http https',
    )
    assert.match(
      await kubectl.refused(apply('b'), ports('[{name: http, port: 81}]')),
      /conflict with "a": \.spec\.ports\[name="http"\]\.port/,
    )
  })

  test('status is written apart, and counts no generation', async () => {
    const status = ['patch', 'ct', 'one', '--subresource=status', '--type=merge', '-p']
    await kubectl.succeed([
      ...status,
      '{"status":{"replicas":4,"labelSelector":"app=one"},"spec":{"replicas":9}}',
    ])
    assert.equal(
      await kubectl.succeed([
        'get',
        'ct',
        'one',
        '-o',
        'jsonpath={.status.replicas} {.spec.replicas} {.metadata.generation}',
      ]),
      '4 4 3',
    )
    assert.match(
      await kubectl.refused([...status, '{"status":{"replicas":"x"}}']),
      /status\.replicas: Invalid value: "string": replicas in body must be of type integer: "string"/,
    )
  })

  test('scale', async () => {
    assert.equal(
      await kubectl.succeed(['scale', 'ct', 'one', '--replicas=5', '--current-replicas=4']),
      'crontab.stable.example.com/one scaled\n',
    )
    const scale = await kubectl.succeed(['get', 'ct', 'one', '--subresource=scale', '-o', 'json'])
    const { kind, spec, status } = JSON.parse(scale)
    assert.deepEqual(
      { kind, spec, status },
      { kind: 'Scale', spec: { replicas: 5 }, status: { replicas: 4, selector: 'app=one' } },
    )
  })

  test('a change of the definition is seen at once', async () => {
    await kubectl.succeed(
      ['apply', '-f', '-'],
      definition('suspend: {type: boolean, default: false}'),
    )
    // Objects of before get the new default when they are read.
    assert.equal(
      await kubectl.succeed(['get', 'ct', 'one', '-o', 'jsonpath={.spec.suspend}']),
      'false',
    )
    assert.match(await kubectl.succeed(['explain', 'crontab.spec.suspend']), /suspend <boolean>/)
  })

  test('one object is served in several versions', async () => {
    const beta = `
  - name: v1beta1
    served: true
    storage: false
    deprecated: true
    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}`
    await kubectl.succeed(['apply', '-f', '-'], definition('', beta))
    const { stdout, stderr } = await kubectl.run([
      'get',
      'crontabs.v1beta1.stable.example.com',
      'one',
      '-o',
      'jsonpath={.apiVersion} {.spec.replicas}',
    ])
    assert.equal(stdout, 'stable.example.com/v1beta1 5')
    // apiextensions-apiserver pkg/apiserver/customresource_handler.go, defaultDeprecationWarning
    assert.match(
      stderr,
      /Warning: stable\.example\.com\/v1beta1 CronTab is deprecated; use stable\.example\.com\/v1 CronTab/,
    )
    assert.match(
      await kubectl.succeed(['get', 'ct', 'one', '-o', 'yaml']),
      /^apiVersion: stable\.example\.com\/v1$/m,
    )
  })

  test('bad definitions are refused', async () => {
    const { stderr } = await kubectl.run(
      ['create', '-f', '-'],
      definition().replaceAll('crontabs', 'nosuch').replace('type: array', 'type: list'),
    )
    assert.match(
      stderr,
      /spec\.validation\.openAPIV3Schema\.properties\[spec\]\.properties\[ports\]\.type: Unsupported value: "list": supported values: "array", "boolean", "integer", "number", "object", "string"/,
    )
  })

  test('names that are taken are not accepted', async () => {
    const other = definition()
      .replaceAll('crontabs', 'others')
      .replace('singular: crontab', 'singular: other')
    await kubectl.succeed(['create', '-f', '-'], other)
    await kubectl.succeed([
      'wait',
      '--for=condition=NamesAccepted=False',
      '--timeout=180s',
      'crd/others.stable.example.com',
    ])
    const conditions =
      '{range .status.conditions[*]}{.type}={.status}:{.reason}:{.message}{"\\n"}{end}'
    assert.equal(
      await kubectl.succeed([
        'get',
        'crd/others.stable.example.com',
        '-o',
        `jsonpath=${conditions}`,
      ]),
      'NamesAccepted=False:ListKindConflict:"CronTabList" is already in use\nEstablished=False:NotAccepted:not all names are accepted\n',
    )
    await kubectl.succeed(['delete', 'crd/others.stable.example.com'])
  })

  test('rules in CEL are asked', async () => {
    const gates = (rule: string) => `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: gates.stable.example.com}
spec:
  group: stable.example.com
  scope: Namespaced
  names: {plural: gates, kind: Gate}
  versions:
  - name: v1
    served: true
    storage: true
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec:
            type: object
            properties: {low: {type: integer}, high: {type: integer}, name: {type: string}}
            x-kubernetes-validations:
            - {rule: '${rule}', message: low must not be more than high}
            - {rule: 'self.name == oldSelf.name', message: name is immutable}
`
    const gate = (spec: string) =>
      `apiVersion: stable.example.com/v1\nkind: Gate\nmetadata: {name: a}\nspec: ${spec}\n`
    // cel-go checker/errors.go and common/error.go
    assert.match(
      await kubectl.refused(['apply', '-f', '-'], gates('self.low <= self.hihg')),
      /compilation failed: ERROR: <input>:1:17: undefined field 'hihg'\n \| self\.low <= self\.hihg\n \| \.{16}\^/,
    )
    await kubectl.succeed(['apply', '-f', '-'], gates('self.low <= self.high'))
    const crd = 'crd/gates.stable.example.com'
    await kubectl.succeed(['wait', '--for=condition=Established', '--timeout=180s', crd])
    assert.equal(
      await kubectl.refused(['create', '-f', '-'], gate('{low: 2, high: 1, name: x}')),
      'The Gate "a" is invalid: spec: Invalid value: low must not be more than high\n',
    )
    await kubectl.succeed(['create', '-f', '-'], gate('{low: 1, high: 2, name: x}'))
    assert.equal(
      await kubectl.refused(['patch', 'gate/a', '--type=merge', '-p', '{"spec":{"name":"y"}}']),
      'The Gate "a" is invalid: spec: Invalid value: name is immutable\n',
    )
    await kubectl.succeed(['delete', crd, '--timeout=180s'])
  })

  test('all is there after a restart', async () => {
    await server[Symbol.asyncDispose]()
    await start()
    assert.equal(
      await kubectl.succeed(['get', 'ct', 'one', '-o', 'jsonpath={.spec.replicas}']),
      '5',
    )
  })

  test('with the definition its instances go', async () => {
    assert.match(
      await kubectl.succeed(['delete', CRD, '--timeout=180s']),
      /^customresourcedefinition\.apiextensions\.k8s\.io "crontabs\.stable\.example\.com" deleted/,
    )
    assert.match(
      await kubectl.refused(['get', 'ct']),
      /the server could not find the requested resource/,
    )
    await kubectl.succeed(['apply', '-f', '-'], definition())
    await kubectl.succeed(['wait', '--for=condition=Established', '--timeout=180s', CRD])
    assert.equal(await kubectl.succeed(['get', 'crontabs', '-o', 'name']), '')
  })
})
