/**
 * The real kubectl against the API server alone: no controllers, no nodes. Expected texts: kubectl's own are those of
 * kubectl 1.32 to 1.36 (staging/src/k8s.io/kubectl/pkg/cmd, printed as "<resource>/<name> <done>"); the server's are named
 * where they stand.
 */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { startTestServer, type TestServer } from '../src/apiserver/testing/test-server.ts'
import { cidr } from '../src/ip/cidr.ts'
import { silentLog } from '../src/log/log.ts'
import { createServiceAdmission } from '../src/service-network/cluster-ip/service-admission.ts'
import { createKubectl, type Kubectl } from './support/kubectl.ts'

const KUBERNETES = { clusterIP: '10.96.0.1', addresses: ['172.30.0.2'], port: 6443 }

let server: TestServer
let folder: string
let kubectl: Kubectl

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'fairlead-kubectl-'))
  server = await startTestServer({
    admission: [createServiceAdmission({ serviceCIDRs: [cidr('10.96.0.0/16')], log: silentLog })],
    kubernetes: KUBERNETES,
  })
  kubectl = createKubectl(server, folder)
})

after(async () => {
  await server[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true })
})

const DEPLOYMENT = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app: web}}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - {name: web, image: fairlead.dev/echo, ports: [{containerPort: 8080}]}
`

// The classic Service of the tutorials (../tutorials, examples/).
const service = (spec: string, name = 'app1') => `
apiVersion: v1
kind: Service
metadata: {name: ${name}}
spec: ${spec}
`
const APP1 = service(
  '{type: NodePort, selector: {name: app1}, ports: [{port: 8080, targetPort: 8080, nodePort: 30062}]}',
)

suite('kubectl reads', () => {
  test('version, with the version that was asked for', async () => {
    assert.match(await kubectl.succeed(['version']), /^Server Version: v1\.36\.0\+fairlead$/m)
  })

  test('the namespaces that every cluster has', async () => {
    const names = await kubectl.succeed(['get', 'namespaces', '-o', 'name'])
    // kube-apiserver's system namespaces controller, plus `default`.
    assert.deepEqual(names.trim().split('\n'), [
      'namespace/default',
      'namespace/kube-node-lease',
      'namespace/kube-public',
      'namespace/kube-system',
    ])
  })

  test('the kubernetes Service with the columns of upstream', async () => {
    const lines = (await kubectl.succeed(['get', 'services', '-o', 'wide'])).trim().split('\n')
    // pkg/printers/internalversion/printers.go, serviceColumnDefinitions; kubectl prints names in capitals.
    assert.match(lines[0]!, /^NAME +TYPE +CLUSTER-IP +EXTERNAL-IP +PORT\(S\) +AGE +SELECTOR$/)
    assert.match(lines[1]!, /^kubernetes +ClusterIP +10\.96\.0\.1 +<none> +443\/TCP +\d+s +<none>$/)
  })

  test('where the kubernetes Service leads', async () => {
    assert.match(
      await kubectl.succeed(['get', 'endpoints', 'kubernetes']),
      /^kubernetes +172\.30\.0\.2:6443 /m,
    )
    const described = await kubectl.succeed(['describe', 'service', 'kubernetes'])
    assert.match(described, /^Endpoints: +172\.30\.0\.2:6443$/m)
  })

  test('every kind by its short name, as discovery tells', async () => {
    const resources = await kubectl.succeed(['api-resources', '--no-headers'])
    for (const line of [
      /^deployments +deploy +apps\/v1 +true +Deployment$/m,
      /^namespaces +ns +v1 +false +Namespace$/m,
    ]) {
      assert.match(resources, line)
    }
  })

  test('what is not there: NotFound', async () => {
    // apimachinery pkg/api/errors NewNotFound
    assert.equal(
      await kubectl.refused(['get', 'pod', 'none']),
      'Error from server (NotFound): pods "none" not found\n',
    )
  })

  test('explain, from the OpenAPI document', async () => {
    assert.match(await kubectl.succeed(['explain', 'service.spec.ports']), /nodePort\t<integer>/)
  })
})

suite('kubectl writes', () => {
  // kubectl pkg/cmd/apply: "serverside-applied", and the advice that follows a conflict.
  test('apply --server-side: conflicts, force, diff, and what was applied on the client before', async () => {
    const config = (data: string) =>
      `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: sided}\ndata: ${data}\n`
    const apply = ['apply', '-f', '-']
    const sided = [...apply, '--server-side']
    await kubectl.succeed(apply, config('{one: "1", two: "2"}'))
    await kubectl.succeed([
      'patch',
      'configmap',
      'sided',
      '--type=merge',
      '-p',
      '{"data":{"own":"x"}}',
    ])
    assert.equal(
      await kubectl.succeed(sided, config('{one: "changed"}')),
      'configmap/sided serverside-applied\n',
    )
    const data = ['get', 'configmap', 'sided', '-o', 'jsonpath={.data}']
    assert.deepEqual(JSON.parse(await kubectl.succeed(data)), { one: 'changed', own: 'x' })
    const other = [...sided, '--field-manager=other']
    const refused = await kubectl.refused(other, config('{one: "again"}'))
    assert.match(
      refused,
      /^error: Apply failed with 1 conflict: conflict with "kubectl": \.data\.one\n/,
    )
    assert.match(refused, /--force-conflicts/)
    await kubectl.succeed([...other, '--force-conflicts'], config('{one: "again"}'))
    await kubectl.succeed(
      ['diff', '--server-side', '--field-manager=other', '-f', '-'],
      config('{one: "again"}'),
    )
    assert.deepEqual(JSON.parse(await kubectl.succeed(data)), { one: 'again', own: 'x' })
    await kubectl.succeed(['delete', 'configmap', 'sided'])
  })

  // kubectl checks a List by OpenAPI v2: no group version has that kind.
  test('a List: apply, diff, create, and what get -o yaml printed', async () => {
    const list = (value: string) =>
      JSON.stringify({
        kind: 'List',
        apiVersion: 'v1',
        items: [
          { kind: 'ConfigMap', apiVersion: 'v1', metadata: { name: 'listed' }, data: { value } },
          {
            kind: 'Service',
            apiVersion: 'v1',
            metadata: { name: 'listed' },
            spec: { ports: [{ port: 80, targetPort: 'http' }] },
          },
        ],
      })
    const apply = ['apply', '-f', '-']
    assert.equal(
      await kubectl.succeed(apply, list('1')),
      'configmap/listed created\nservice/listed created\n',
    )
    await kubectl.succeed(['diff', '-f', '-'], list('1'))
    assert.match((await kubectl.run(['diff', '-f', '-'], list('2'))).stdout, /^\+ {2}value: "2"$/m)
    assert.equal(
      await kubectl.succeed(apply, list('2')),
      'configmap/listed configured\nservice/listed unchanged\n',
    )
    const printed = await kubectl.succeed([
      'get',
      'configmap/listed',
      'service/listed',
      '-o',
      'yaml',
    ])
    // Configured: the annotation of what was applied last holds more now.
    assert.equal(
      await kubectl.succeed(apply, printed),
      'configmap/listed configured\nservice/listed configured\n',
    )
    await kubectl.succeed(['delete', '-f', '-'], list('2'))
    assert.equal(
      await kubectl.succeed(['create', '-f', '-'], list('1')),
      'configmap/listed created\nservice/listed created\n',
    )
    // kube-openapi pkg/util/proto/validation/errors.go
    assert.match(
      await kubectl.refused(apply, list('1').replace('"data"', '"dat"')),
      /unknown field "dat" in io\.k8s\.api\.core\.v1\.ConfigMap/,
    )
    await kubectl.succeed(['delete', '-f', '-'], list('1'))
  })

  test('apply: created, unchanged, configured; then scale, label, annotate, patch, delete', async () => {
    const apply = ['apply', '-f', '-']
    assert.equal(await kubectl.succeed(apply, DEPLOYMENT), 'deployment.apps/web created\n')
    assert.equal(await kubectl.succeed(apply, DEPLOYMENT), 'deployment.apps/web unchanged\n')
    const changed = DEPLOYMENT.replace('replicas: 2', 'replicas: 3')
    assert.equal(await kubectl.succeed(apply, changed), 'deployment.apps/web configured\n')
    assert.match(await kubectl.succeed(['get', 'deployment', 'web']), /^web +0\/3 +0 +0 +\d+s$/m)
    assert.equal(
      await kubectl.succeed(['scale', 'deployment', 'web', '--replicas=5']),
      'deployment.apps/web scaled\n',
    )
    assert.equal(
      await kubectl.succeed(['label', 'deploy', 'web', 'tier=front']),
      'deployment.apps/web labeled\n',
    )
    assert.equal(
      await kubectl.succeed(['annotate', 'deploy', 'web', 'a=b']),
      'deployment.apps/web annotated\n',
    )
    const jsonPatch = ['--type=json', '-p', '[{"op":"replace","path":"/spec/replicas","value":1}]']
    assert.equal(
      await kubectl.succeed(['patch', 'deploy', 'web', ...jsonPatch]),
      'deployment.apps/web patched\n',
    )
    assert.equal(
      await kubectl.succeed(['set', 'image', 'deployment/web', 'web=fairlead.dev/tools']),
      'deployment.apps/web image updated\n',
    )
    const field =
      '{.spec.replicas} {.metadata.labels.tier} {.spec.template.spec.containers[0].image}'
    assert.equal(
      await kubectl.succeed(['get', 'deploy', 'web', '-o', `jsonpath=${field}`]),
      '1 front fairlead.dev/tools',
    )
    assert.equal(
      await kubectl.succeed(['get', 'deploy', '-l', 'tier=front', '-o', 'name']),
      'deployment.apps/web\n',
    )
    assert.equal(await kubectl.succeed(['get', 'deploy', '-l', 'tier!=front', '-o', 'name']), '')
    assert.match(await kubectl.succeed(['describe', 'deployment', 'web']), /^Replicas: +1 desired/m)
    // Since 1.34 kubectl says from which namespace (pkg/cmd/delete).
    assert.match(
      await kubectl.succeed(['delete', 'deployment', 'web']),
      /^deployment\.apps "web" deleted( from default namespace)?\n$/,
    )
  })

  test('typed objects, which it sends as protobuf', async () => {
    assert.equal(await kubectl.succeed(['create', 'namespace', 'shop']), 'namespace/shop created\n')
    const configMap = [
      'create',
      'configmap',
      'settings',
      '--from-literal=colour=blue',
      '-n',
      'shop',
    ]
    assert.equal(await kubectl.succeed(configMap), 'configmap/settings created\n')
    const colour = ['get', 'cm', 'settings', '-n', 'shop', '-o', 'jsonpath={.data.colour}']
    assert.equal(await kubectl.succeed(colour), 'blue')
    // registry/rest create: NewAlreadyExists
    assert.equal(
      await kubectl.refused(configMap),
      'error: failed to create configmap: configmaps "settings" already exists\n',
    )
  })

  test('replace with an old resourceVersion: Conflict', async () => {
    await kubectl.succeed(['create', 'configmap', 'contested', '--from-literal=a=1'])
    const old = await kubectl.succeed(['get', 'configmap', 'contested', '-o', 'json'])
    await kubectl.succeed(['patch', 'configmap', 'contested', '-p', '{"data":{"a":"2"}}'])
    // registry/generic/registry/store.go OptimisticLockErrorMsg
    assert.match(
      await kubectl.refused(['replace', '-f', '-'], old.replace('"a": "1"', '"a": "3"')),
      /Operation cannot be fulfilled on configmaps "contested": the object has been modified; please apply your changes to the latest version and try again/,
    )
  })

  test('a dry run, which leaves nothing', async () => {
    const dry = ['create', 'configmap', 'phantom', '--dry-run=server']
    assert.equal(await kubectl.succeed(dry), 'configmap/phantom created (server dry run)\n')
    assert.match(await kubectl.refused(['get', 'configmap', 'phantom']), /NotFound/)
  })

  test('a pod, which goes at once while no node runs it', async () => {
    assert.equal(
      await kubectl.succeed(['run', 'lone', '--image=fairlead.dev/echo']),
      'pod/lone created\n',
    )
    assert.match(
      await kubectl.succeed(['get', 'pod', 'lone', '-o', 'wide']),
      /^lone +0\/1 +Pending +0 +\d+s +<none> +<none> +<none> +<none>$/m,
    )
    assert.equal(
      await kubectl.refused(['wait', 'pod/lone', '--for=condition=Ready', '--timeout=1s']),
      'error: timed out waiting for the condition on pods/lone\n',
    )
    assert.match(
      await kubectl.succeed(['delete', 'pod', 'lone']),
      /^pod "lone" deleted( from default namespace)?\n$/,
    )
  })

  test('a node: cordon, drain, uncordon', async () => {
    const node = 'apiVersion: v1\nkind: Node\nmetadata: {name: node9}'
    await kubectl.succeed(['create', '-f', '-'], node)
    const pod = `apiVersion: v1
kind: Pod
metadata: {name: evicted}
spec: {nodeName: node9, terminationGracePeriodSeconds: 0, containers: [{name: c, image: x}]}`
    await kubectl.succeed(['create', '-f', '-'], pod)
    assert.equal(await kubectl.succeed(['cordon', 'node9']), 'node/node9 cordoned\n')
    assert.match(
      await kubectl.succeed(['get', 'node', 'node9']),
      /^node9 +Unknown,SchedulingDisabled +<none> /m,
    )
    assert.match(
      await kubectl.succeed(['drain', 'node9', '--force']),
      /pod\/evicted evicted\nnode\/node9 drained\n$/,
    )
    assert.equal(await kubectl.succeed(['uncordon', 'node9']), 'node/node9 uncordoned\n')
  })

  test('what it waits for, as soon as it comes', async () => {
    await kubectl.succeed(['create', 'configmap', 'awaited'])
    const waiting = kubectl.succeed([
      'wait',
      'cm/awaited',
      '--for=jsonpath={.data.ready}=yes',
      '--timeout=180s',
    ])
    await kubectl.succeed(['patch', 'cm', 'awaited', '-p', '{"data":{"ready":"yes"}}'])
    assert.equal(await waiting, 'configmap/awaited condition met\n')
  })
})

/** facts/services.md 1.2: k8s v1.36 validation.go and service/storage/alloc.go; kubectl's frame around them. */
const refusals = [
  {
    name: 'an unknown field',
    manifest: service('{selctor: {a: b}, ports: [{port: 80}]}', 'wrong'),
    // endpoints/handlers/rest.go transformDecodeError around json.Unmarshal's strict error
    want: 'Error from server (BadRequest): error when creating "STDIN": Service in version "v1" cannot be handled as a Service: strict decoding error: unknown field "spec.selctor"\n',
  },
  {
    name: 'a nodePort outside of the range',
    manifest: service('{type: NodePort, ports: [{port: 80, nodePort: 80}]}', 'wrong'),
    want: 'The Service "wrong" is invalid: spec.ports[0].nodePort: Invalid value: 80: provided port is not in the valid range. The range of valid ports is 30000-32767\n',
  },
  {
    name: 'a nodePort that another Service has',
    manifest: service('{type: NodePort, ports: [{port: 80, nodePort: 30062}]}', 'wrong'),
    want: 'The Service "wrong" is invalid: spec.ports[0].nodePort: Invalid value: 30062: provided port is already allocated\n',
  },
  {
    name: 'a cluster IP that another Service has',
    manifest: service('{clusterIP: 10.96.0.1, ports: [{port: 80}]}', 'wrong'),
    want: 'The Service "wrong" is invalid: spec.clusterIPs: Invalid value: ["10.96.0.1"]: failed to allocate IP 10.96.0.1: provided IP is already allocated\n',
  },
  {
    name: 'a cluster IP from elsewhere',
    manifest: service('{clusterIP: 1.1.1.1, ports: [{port: 80}]}', 'wrong'),
    want: 'The Service "wrong" is invalid: spec.clusterIPs: Invalid value: ["1.1.1.1"]: failed to allocate IP 1.1.1.1: the provided network does not match the current range\n',
  },
  {
    name: 'a nodePort on a ClusterIP Service',
    manifest: service('{ports: [{port: 80, nodePort: 30100}]}', 'wrong'),
    want: 'The Service "wrong" is invalid: spec.ports[0].nodePort: Forbidden: may not be used when `type` is \'ClusterIP\'\n',
  },
  {
    name: 'an endpoint on loopback',
    manifest: `
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: wrong, labels: {kubernetes.io/service-name: app1}}
addressType: IPv4
endpoints: [{addresses: [127.0.0.1]}]
ports: [{port: 80}]
`,
    want: 'The EndpointSlice "wrong" is invalid: endpoints[0].addresses[0]: Invalid value: "127.0.0.1": may not be in the loopback range (127.0.0.0/8, ::1/128)\n',
  },
  {
    name: 'a namespace that is not there',
    manifest: service('{ports: [{port: 80}]}', 'wrong').replace(
      'name: wrong',
      'name: wrong, namespace: nowhere',
    ),
    // admission plugin namespace/lifecycle: NewNotFound of the namespace
    want: 'Error from server (NotFound): error when creating "STDIN": namespaces "nowhere" not found\n',
  },
] as const

suite('kubectl is refused, in words of upstream,', () => {
  before(async () => {
    assert.equal(await kubectl.succeed(['create', '-f', '-'], APP1), 'service/app1 created\n')
  })
  for (const { name, manifest, want } of refusals) {
    test(name, async () =>
      assert.equal(await kubectl.refused(['create', '-f', '-'], manifest), want),
    )
  }

  test('and a Service that was refused holds nothing', async () => {
    const free = service(
      '{type: NodePort, clusterIP: 10.96.0.77, ports: [{port: 80, nodePort: 80}]}',
      'greedy',
    )
    assert.match(await kubectl.refused(['create', '-f', '-'], free), /not in the valid range/)
    const modest = service('{clusterIP: 10.96.0.77, ports: [{port: 80}]}', 'modest')
    assert.equal(await kubectl.succeed(['create', '-f', '-'], modest), 'service/modest created\n')
  })

  test('and what is deleted is free again', async () => {
    await kubectl.succeed(['delete', 'service', 'app1'])
    assert.equal(await kubectl.succeed(['create', '-f', '-'], APP1), 'service/app1 created\n')
  })
})
