/**
 * What users of Services meet, by the real kubectl against a whole API server: messages, exit codes, warnings.
 * Expected texts: kubectl's own are those of k8s.io/kubectl pkg/cmd; the server's are named where they stand, all of
 * k8s.io/kubernetes v1.36.0.
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
import { createKubectl, type Kubectl, type Outcome } from './support/kubectl.ts'

let server: TestServer
let folder: string
let client: Kubectl

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'fairlead-service-rules-'))
  server = await startTestServer({
    admission: [
      createServiceAdmission({
        serviceCIDRs: [cidr('10.96.0.0/24'), cidr('fd00:10:96::/112')],
        log: silentLog,
      }),
    ],
    kubernetes: { clusterIP: '10.96.0.1', addresses: ['172.30.0.2'], port: 6443 },
  })
  client = createKubectl(server, folder)
})

after(async () => {
  await server[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true })
})

async function kubectl(command: string, input?: string): Promise<Outcome> {
  const words = [...command.matchAll(/'([^']*)'|(\S+)/g)].map(([, a, b]) => a ?? b ?? '')
  return client.run(words, input)
}

async function succeed(command: string, input?: string): Promise<Outcome> {
  const outcome = await kubectl(command, input)
  assert.equal(outcome.code, 0, `kubectl ${command}: ${outcome.stderr}`)
  return outcome
}

const service = (name: string, spec: object) =>
  JSON.stringify({ apiVersion: 'v1', kind: 'Service', metadata: { name }, spec })
const create = (name: string, spec: object) => kubectl('create -f -', service(name, spec))
const jsonPath = async (name: string, path: string) =>
  (await succeed(`get service ${name} -o jsonpath=${path}`)).stdout

const ports = [{ port: 80 }]
const np = (nodePort: number) => ({ type: 'NodePort', ports: [{ port: 80, nodePort }] })
const withIP = (clusterIP: string) => ({ clusterIP, ports })

suite('kubectl create is refused for', () => {
  const cases = [
    // portallocator/allocator.go ErrNotInRange
    {
      name: 'a node port out of range',
      spec: np(80),
      want: 'The Service "bad" is invalid: spec.ports[0].nodePort: Invalid value: 80: provided port is not in the valid range. The range of valid ports is 30000-32767',
    },
    // portallocator/allocator.go ErrAllocated
    {
      name: 'a node port that is taken',
      before: () => create('np-holder', np(30_080)),
      spec: np(30_080),
      want: 'The Service "bad" is invalid: spec.ports[0].nodePort: Invalid value: 30080: provided port is already allocated',
    },
    // ipallocator/interfaces.go ErrAllocated
    {
      name: 'a cluster IP that is taken',
      spec: withIP('10.96.0.1'),
      want: 'The Service "bad" is invalid: spec.clusterIPs: Invalid value: ["10.96.0.1"]: failed to allocate IP 10.96.0.1: provided IP is already allocated',
    },
    // ipallocator/cidrallocator.go getAllocator
    {
      name: 'a cluster IP of no range',
      spec: withIP('10.97.0.1'),
      want: 'The Service "bad" is invalid: spec.clusterIPs: Invalid value: ["10.97.0.1"]: failed to allocate IP 10.97.0.1: the provided network does not match the current range',
    },
    // core/validation validateService
    {
      name: 'a node port of a ClusterIP Service',
      spec: { ports: [{ port: 80, nodePort: 30_081 }] },
      want: 'The Service "bad" is invalid: spec.ports[0].nodePort: Forbidden: may not be used when `type` is \'ClusterIP\'',
    },
    // storage/alloc.go initIPFamilyFields
    {
      name: 'two families without a policy',
      spec: { ipFamilies: ['IPv4', 'IPv6'], ports },
      want: `The Service "bad" is invalid: spec.ipFamilyPolicy: Invalid value: "SingleStack": must be 'RequireDualStack' or 'PreferDualStack' when multiple IP families are specified`,
    },
  ]
  for (const { name, before: prepare, spec, want } of cases) {
    test(name, async () => {
      await prepare?.()
      const { code, stderr } = await create('bad', spec)
      assert.equal(stderr.trim(), want)
      assert.equal(code, 1)
    })
  }
})

suite('a Service changes its type', () => {
  test('from NodePort to ClusterIP: the address stays, the node port goes', async () => {
    await create('t1', np(30_091))
    const before = await jsonPath('t1', '{.spec.clusterIP}')
    await succeed(`patch service t1 -p '{"spec":{"type":"ClusterIP"}}'`)
    assert.equal(await jsonPath('t1', '{.spec.clusterIP}'), before)
    assert.equal(await jsonPath('t1', '{.spec.ports[0].nodePort}'), '')
    assert.equal((await create('t1-next', np(30_091))).code, 0)
  })

  test('to ExternalName and back: the address goes, another comes', async () => {
    await create('t2', withIP('10.96.0.222'))
    await succeed(
      `patch service t2 -p '{"spec":{"type":"ExternalName","externalName":"db.example"}}'`,
    )
    assert.equal(await jsonPath('t2', '{.spec.clusterIPs}'), '')
    assert.equal((await kubectl('get ipaddress 10.96.0.222')).code, 1)
    await succeed(
      `patch service t2 --type merge -p '{"spec":{"type":"ClusterIP","externalName":null}}'`,
    )
    assert.match(await jsonPath('t2', '{.spec.clusterIP}'), /^10\.96\.0\.\d+$/)
  })

  test('from one family to two and back, but not its first address', async () => {
    await create('t3', withIP('10.96.0.33'))
    await succeed(`patch service t3 -p '{"spec":{"ipFamilyPolicy":"RequireDualStack"}}'`)
    assert.match(await jsonPath('t3', '{.spec.clusterIPs}'), /^\["10\.96\.0\.33","fd00:10:96::/)
    await succeed(`patch service t3 -p '{"spec":{"ipFamilyPolicy":"SingleStack"}}'`)
    assert.equal(await jsonPath('t3', '{.spec.clusterIPs}'), '["10.96.0.33"]')
    const changed = await kubectl(
      `patch service t3 -p '{"spec":{"clusterIP":"10.96.0.34","clusterIPs":["10.96.0.34"]}}'`,
    )
    // core/validation validateUpgradeDowngradeClusterIPs
    assert.equal(
      changed.stderr.trim(),
      'The Service "t3" is invalid: spec.clusterIPs[0]: Invalid value: ["10.96.0.34"]: may not change once set',
    )
  })

  test('by a file without what the server gave it: nothing changes', async () => {
    await create('t4', { type: 'NodePort', ports })
    const before = await jsonPath('t4', '{.spec.clusterIP}/{.spec.ports[0].nodePort}')
    await succeed('replace -f -', service('t4', { type: 'NodePort', ports }))
    assert.equal(await jsonPath('t4', '{.spec.clusterIP}/{.spec.ports[0].nodePort}'), before)
  })
})

suite('kubectl prints the warning', () => {
  // pkg/api/service/warnings.go; `Warning: ` is kubectl's (client-go rest/warnings.go)
  const cases = [
    {
      name: 'of external IPs',
      spec: { ports, externalIPs: ['203.0.113.7'] },
      want: 'Warning: spec.externalIPs is deprecated and may no longer be implemented in some clusters',
    },
    {
      name: 'of affinity to nothing',
      spec: { clusterIP: 'None', ports, sessionAffinity: 'ClientIP' },
      want: 'Warning: spec.SessionAffinity is ignored for headless services',
    },
    {
      name: 'of a range that has another spelling',
      spec: { type: 'LoadBalancer', ports, loadBalancerSourceRanges: ['FD00::/64'] },
      want: 'Warning: spec.loadBalancerSourceRanges[0]: IPv6 CIDR value "FD00::/64" should be in RFC 5952 canonical format ("fd00::/64")',
    },
  ]
  for (const [index, { name, spec, want }] of cases.entries()) {
    test(name, async () => {
      const { stderr, code } = await create(`warned${index}`, spec)
      assert.deepEqual([stderr.trim(), code], [want, 0])
    })
  }

  test('of Endpoints, whatever is done with them', async () => {
    // core/v1 Endpoints, deprecated 1.33: endpoints/installer.go warns on every verb.
    const want =
      'Warning: v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice'
    assert.equal((await succeed('get endpoints')).stderr.trim(), want)
  })

  test('of containers with one port', async () => {
    const container = (name: string) => ({ name, image: 'i', ports: [{ containerPort: 80 }] })
    const spec = { containers: [container('a'), container('b')] }
    const pod = JSON.stringify({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'two' }, spec })
    // pkg/api/pod/warnings.go
    assert.equal(
      (await succeed('create -f -', pod)).stderr.trim(),
      'Warning: spec.containers[1].ports[0]: duplicate port definition with spec.containers[0].ports[0]',
    )
  })
})

suite('addresses and their ranges', () => {
  test('are shown with the columns of upstream', async () => {
    // printers.go: ipAddressColumnDefinitions, serviceCIDRColumnDefinitions
    const ip = (await succeed('get ip 10.96.0.1')).stdout.split('\n')
    assert.match(ip[0]!, /^NAME +PARENTREF +AGE$/)
    assert.match(ip[1]!, /^10\.96\.0\.1 +services\/default\/kubernetes +\d+s$/)
    const ranges = (await succeed('get servicecidrs')).stdout.split('\n')
    assert.match(ranges[0]!, /^NAME +CIDRS +AGE$/)
    assert.match(ranges[1]!, /^kubernetes +10\.96\.0\.0\/24,fd00:10:96::\/112 +\d+s$/)
  })

  test('grow by a ServiceCIDR', async () => {
    const metadata = { name: 'more' }
    const range = { apiVersion: 'networking.k8s.io/v1', kind: 'ServiceCIDR', metadata }
    const spec = { cidrs: ['10.99.0.0/24'] }
    await succeed('create -f -', JSON.stringify({ ...range, spec }))
    assert.equal((await create('far', withIP('10.99.0.7'))).code, 0)
    const changed = await kubectl(
      `patch servicecidr more --type merge -p '{"spec":{"cidrs":["10.98.0.0/24"]}}'`,
    )
    // networking/validation ValidateServiceCIDRUpdate
    assert.equal(
      changed.stderr.trim(),
      'The ServiceCIDR "more" is invalid: spec.cidrs[0]: Invalid value: "10.98.0.0/24": field is immutable',
    )
  })

  test('an IPAddress that somebody deletes comes back', async () => {
    await create('kept', withIP('10.96.0.77'))
    const uid = 'get ip 10.96.0.77 -o jsonpath={.metadata.uid}'
    const before = (await succeed(uid)).stdout
    await succeed('delete ip 10.96.0.77 --wait=false')
    const deadline = performance.now() + 60_000
    let now = await kubectl(uid)
    while (now.code !== 0 && performance.now() < deadline) now = await kubectl(uid)
    assert.equal(now.code, 0, now.stderr)
    assert.notEqual(now.stdout, before)
    // ipallocator/controller/repairip.go
    const events = await succeed(
      'get events --field-selector involvedObject.name=kept -o jsonpath={.items[*].message}',
    )
    assert.match(events.stdout, /Cluster IP \[IPv4\]: 10\.96\.0\.77 is not allocated; repairing/)
  })

  test('a dry run keeps nothing', async () => {
    const dry = await kubectl('create --dry-run=server -f -', service('dry', withIP('10.96.0.88')))
    assert.equal(dry.stdout.trim(), 'service/dry created (server dry run)')
    assert.equal((await create('wet', withIP('10.96.0.88'))).code, 0)
  })
})
