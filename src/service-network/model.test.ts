import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { Service, ServiceSpec } from '#api/core.ts'
import { ip } from '#ip/ip.ts'
import {
  createServiceIndex,
  type Frontend,
  type IgnoredReason,
  MAX_IGNORED,
  opensLocalhost,
  type ProxiedPort,
  parseNodePortAddresses,
  planServiceModel,
} from './model.ts'
import { endpointOf, portOf, serviceOf, sliceOf } from './proxy/testing/objects.ts'

const OPTIONS = { nodeName: 'node1', nodeIP: ip('172.30.0.11'), zone: 'west' }
const [A, C] = ['10.244.1.7', '10.244.2.9'] as const

const webOf = (spec: Parameters<typeof serviceOf>[1] = {}) =>
  serviceOf('web', { clusterIP: '10.96.0.20', ports: portOf(80), ...spec })

function portsOf(
  service: Service,
  slices: Parameters<typeof planServiceModel>[1],
  options = OPTIONS,
): readonly ProxiedPort[] {
  return planServiceModel([service], slices, options).get('default/web')?.ports ?? []
}

suite('planServiceModel() ignores', () => {
  const rows: readonly { address: string; reason: IgnoredReason }[] = [
    { address: '127.0.0.1', reason: 'loopback' }, // CVE-2021-25737, and the next
    { address: '169.254.169.254', reason: 'link-local' },
    { address: '0.0.0.0', reason: 'unspecified' },
    { address: '224.0.0.1', reason: 'not-unicast' },
    { address: '255.255.255.255', reason: 'not-unicast' },
    { address: 'fd00::1', reason: 'wrong-family' },
    { address: '10.244.01.7', reason: 'not-an-address' }, // CVE-2021-29923
    { address: '10.244.1.7 ', reason: 'not-an-address' },
    { address: 'FD00::1', reason: 'not-canonical' },
    { address: '', reason: 'not-an-address' },
  ]
  for (const { address, reason } of rows) {
    test(`endpoint ${JSON.stringify(address)}: ${reason}`, () => {
      const slice = sliceOf('web', [endpointOf(address), C])
      const service = planServiceModel([webOf()], [slice], OPTIONS).get('default/web')!
      assert.deepEqual(
        service.ports[0]!.endpoints.cluster.map((each) => each.ip),
        [C],
      )
      assert.deepEqual(service.ignored, [{ what: 'endpoint', value: address, reason }])
    })
  }

  test('duplicates, and keeps the one that is ready', () => {
    const notReady = endpointOf(A, { conditions: { ready: false, serving: false } })
    for (const some of [
      [notReady, A],
      [A, notReady],
    ]) {
      const slices = some.map((each, i) => sliceOf('web', [each], ['8080'], `${i}`))
      const service = planServiceModel([webOf()], slices, OPTIONS).get('default/web')!
      assert.deepEqual(service.ports[0]!.endpoints.cluster, [
        { ip: A, port: 8080, nodeName: 'node1' },
      ])
      assert.deepEqual(service.ignored, [
        { what: 'endpoint', value: `${A}:8080`, reason: 'duplicate' },
      ])
    }
  })

  test('a thousand duplicates, which is said once, so that it hides nothing else', () => {
    const slice = sliceOf('web', [...Array(1000).fill(A), '127.0.0.1'])
    const service = planServiceModel([webOf()], [slice], OPTIONS).get('default/web')!
    assert.equal(service.ports[0]!.endpoints.cluster.length, 1)
    assert.deepEqual(service.ignored.map(({ reason }) => reason).sort(), ['duplicate', 'loopback'])
  })

  test('a thousand bad addresses without keeping a thousand reasons', () => {
    const bad = Array.from({ length: 1000 }, (_, i) => `127.0.${i >> 8}.${i & 255}`)
    const service = planServiceModel([webOf()], [sliceOf('web', bad)], OPTIONS).get('default/web')!
    assert.equal(service.ignored.length, MAX_IGNORED)
  })

  test('an address that an older Service holds', () => {
    const [older, newer] = ['2026-01-01T00:00:00Z', '2026-02-01T00:00:00Z'].map(
      (creationTimestamp, i) => {
        const spec = {
          type: 'LoadBalancer',
          clusterIP: `10.96.0.2${i}`,
          ports: portOf(80),
          loadBalancerIPs: ['172.30.0.200'],
        } as const
        const service = serviceOf(`z${1 - i}`, spec)
        return { ...service, metadata: { ...service.metadata, creationTimestamp } }
      },
    ) as [Service, Service]
    const model = planServiceModel([newer, older], [], OPTIONS)
    const kinds = (name: string) =>
      model.get(`default/${name}`)!.ports[0]!.frontends.map(({ kind }) => kind)
    assert.deepEqual([kinds('z1'), kinds('z0')], [['ClusterIP', 'LoadBalancer'], ['ClusterIP']])
    assert.deepEqual(model.get('default/z0')!.ignored, [
      { what: 'frontend', value: '172.30.0.200:80/tcp', reason: 'held-by-older-service' },
    ])
  })
})

suite('planServiceModel() leaves out', () => {
  const labelled = (label: string) => ({
    ...webOf(),
    metadata: { ...webOf().metadata, labels: { [label]: 'x' } },
  })
  const rows: readonly { name: string; service: Service }[] = [
    { name: 'headless Services', service: webOf({ clusterIP: 'None' }) },
    { name: 'ExternalName', service: webOf({ type: 'ExternalName', externalName: 'example.com' }) },
    { name: 'Services without an address yet', service: webOf({ clusterIP: '' }) },
    { name: "another proxy's", service: labelled('service.kubernetes.io/service-proxy-name') },
    { name: 'those labelled headless', service: labelled('service.kubernetes.io/headless') },
  ]
  for (const { name, service } of rows)
    test(name, () => assert.equal(planServiceModel([service], [], OPTIONS).size, 0))
})

suite('planServiceModel() gives frontends', () => {
  const ClusterIP = { kind: 'ClusterIP', ip: ip('10.96.0.20'), port: 80 } as const
  const rows: readonly {
    name: string
    service: Service
    allowExternalIPs?: true
    want: readonly Frontend[]
  }[] = [
    { name: 'ClusterIP', service: webOf(), want: [ClusterIP] },
    {
      name: 'of the own family, whichever comes first',
      service: webOf({ clusterIP: 'fd00:10:96::20', clusterIPs: ['fd00:10:96::20', '10.96.0.20'] }),
      want: [ClusterIP],
    },
    {
      name: "nodePort, on the node's address only",
      service: webOf({ type: 'NodePort', ports: portOf(80, { nodePort: 30080 }) }),
      want: [ClusterIP, { kind: 'NodePort', ip: ip('172.30.0.11'), port: 30080 }],
    },
    {
      name: 'LoadBalancer',
      service: webOf({ type: 'LoadBalancer', loadBalancerIPs: ['172.30.0.200', '127.0.0.1'] }),
      want: [ClusterIP, { kind: 'LoadBalancer', ip: ip('172.30.0.200'), port: 80 }],
    },
    {
      name: 'not with ipMode Proxy (KEP-1860)',
      service: {
        ...webOf({ type: 'LoadBalancer' }),
        status: { loadBalancer: { ingress: [{ ip: '172.30.0.200', ipMode: 'Proxy' }] } },
      },
      want: [ClusterIP],
    },
    {
      name: 'no addresses left from when it was of another type',
      service: webOf({ loadBalancerIPs: ['172.30.0.200'] }),
      want: [ClusterIP],
    },
    { name: 'no externalIPs', service: webOf({ externalIPs: ['192.0.2.1'] }), want: [ClusterIP] },
    {
      name: 'externalIPs where they are allowed',
      service: webOf({ externalIPs: ['192.0.2.1'] }),
      allowExternalIPs: true,
      want: [ClusterIP, { kind: 'ExternalIP', ip: ip('192.0.2.1'), port: 80 }],
    },
  ]
  for (const { name, service, want, ...rest } of rows) {
    test(name, () =>
      assert.deepEqual(portsOf(service, [], { ...OPTIONS, ...rest })[0]!.frontends, want),
    )
  }
})

suite('planServiceModel()', () => {
  test('matches ports by name and protocol, whatever their number in each slice', () => {
    const ports: ServiceSpec['ports'] = [
      ...portOf(53, { name: 'dns', protocol: 'UDP' }),
      ...portOf(53, { name: 'dns-tcp' }),
    ]
    const [udp, tcp] = portsOf(webOf({ ports }), [
      sliceOf('web', [A], ['dns=5353/udp', 'dns-tcp=5354'], 'a'),
      sliceOf('web', [C], ['dns=53/udp', 'dns-tcp=53/udp'], 'c'),
    ])
    assert.deepEqual(
      udp!.endpoints.cluster.map((each) => `${each.ip}:${each.port}`),
      [`${A}:5353`, `${C}:53`],
    )
    assert.deepEqual(
      tcp!.endpoints.cluster.map((each) => `${each.ip}:${each.port}`),
      [`${A}:5354`],
    )
  })

  const affinities = [
    { name: 'none', spec: {}, want: undefined },
    { name: 'by default three hours', spec: { sessionAffinity: 'ClientIP' }, want: 10_800 },
    {
      name: 'as long as said',
      spec: {
        sessionAffinity: 'ClientIP',
        sessionAffinityConfig: { clientIP: { timeoutSeconds: 60 } },
      },
      want: 60,
    },
  ] as const
  for (const { name, spec, want } of affinities)
    test(`affinity: ${name}`, () =>
      assert.equal(portsOf(webOf(spec), [])[0]!.affinityTimeoutSeconds, want))

  const ranges = [
    { name: 'none', texts: [], want: undefined },
    {
      name: 'white space and host bits are tolerated',
      texts: [' 10.0.0.1/8 '],
      want: ['10.0.0.0/8'],
    },
    {
      name: 'none within another',
      texts: ['10.1.0.0/16', '10.0.0.0/8', '10.0.0.0/8'],
      want: ['10.0.0.0/8'],
    },
    { name: 'nobody, where none is of the family', texts: ['fd00::/8'], want: [] },
    { name: 'nobody, where none can be read', texts: ['everybody'], want: [] },
  ]
  for (const { name, texts, want } of ranges) {
    test(`source ranges: ${name}`, () => {
      const service = webOf({ type: 'LoadBalancer', loadBalancerSourceRanges: texts })
      const found = portsOf(service, [])[0]!.sourceRanges
      assert.deepEqual(
        found?.map(({ address, prefixLength }) => `${address}/${prefixLength}`),
        want,
      )
    })
  }
})

test('a Service is of the families that it has a ClusterIP of', () => {
  const service = webOf({
    type: 'NodePort',
    clusterIPs: ['fd00:10:96::20'],
    ports: portOf(80, { nodePort: 30080 }),
  })
  assert.equal(planServiceModel([service], [], OPTIONS).size, 0)
  assert.equal(planServiceModel([service], [], { ...OPTIONS, nodeIP: ip('fd00::11') }).size, 1)
})

suite('planServiceModel() opens nodePorts', () => {
  const nodeAddresses = ['172.30.0.11', '10.244.1.1', '192.0.2.7', '127.0.0.1'].map(ip)
  // `kube-proxy --nodeport-addresses`, KEP-6032; loopback takes a listener.
  const rows = [
    { name: 'on the primary address by default', texts: undefined, want: ['172.30.0.11'] },
    { name: 'on all', texts: ['all'], want: ['10.244.1.1', '172.30.0.11', '192.0.2.7'] },
    {
      name: 'within networks',
      texts: ['192.0.2.0/24', '10.0.0.0/8'],
      want: ['10.244.1.1', '192.0.2.7'],
    },
    {
      name: 'words and networks',
      texts: ['primary', '192.0.2.0/24'],
      want: ['172.30.0.11', '192.0.2.7'],
    },
    { name: 'on loopback alone', texts: ['localhost'], want: [] },
    { name: 'nowhere, where the network is of the other family', texts: ['fd00::/8'], want: [] },
  ]
  for (const { name, texts, want } of rows) {
    test(name, () => {
      const service = webOf({ type: 'NodePort', ports: portOf(80, { nodePort: 30080 }) })
      const [port] = planServiceModel([service], [], {
        ...OPTIONS,
        nodeAddresses,
        ...(texts && { nodePortAddresses: parseNodePortAddresses(texts) }),
      }).get('default/web')!.ports
      assert.equal(port!.nodePort, 30080)
      const ips = port!.frontends.filter(({ kind }) => kind === 'NodePort').map((each) => each.ip)
      assert.deepEqual(ips, want)
    })
  }

  test('but not where a word or network is none', () => {
    for (const text of ['', 'Primary', '10.0.0.1/8', '10.0.0.0'])
      assert.throws(() => parseNodePortAddresses([text]), SyntaxError)
  })

  const loopbacks = [
    { texts: ['localhost'], want: [true, true] },
    { texts: ['all'], want: [true, true] },
    { texts: ['127.0.0.0/8'], want: [true, false] },
    { texts: ['0.0.0.0/0', '::/0'], want: [true, true] },
    { texts: ['primary', '10.0.0.0/8'], want: [false, false] },
  ]
  for (const { texts, want } of loopbacks) {
    test(`on loopback: ${texts}`, () => {
      const addresses = parseNodePortAddresses(texts)
      assert.deepEqual([opensLocalhost(4, addresses), opensLocalhost(6, addresses)], want)
    })
  }
})

suite('planServiceModel() counts for health checks', () => {
  const balanced = (spec: Partial<ServiceSpec> = {}) =>
    webOf({
      type: 'LoadBalancer',
      externalTrafficPolicy: 'Local',
      healthCheckNodePort: 32_000,
      ports: [...portOf(80, { name: 'http' }), ...portOf(53, { name: 'dns', protocol: 'UDP' })],
      ...spec,
    })
  const draining = { conditions: { ready: false, serving: true, terminating: true } }
  const healthOf = (service: Service, endpoints: Parameters<typeof sliceOf>[1]) => {
    const slice = sliceOf('web', endpoints, ['http=8080', 'dns=8053/udp'])
    const found = planServiceModel([service], [slice], OPTIONS).get('default/web')!
    return [found.healthCheckNodePort, found.localReadyAddresses]
  }
  // facts/services.md 1.1, healthCheckNodePort: only ready endpoints count; one address is one, however many ports it has.
  test('ready addresses of this node', () =>
    assert.deepEqual(healthOf(balanced(), [A, '10.244.1.8', C]), [32_000, 2]))
  test('none that terminate, though they still get traffic', () =>
    assert.deepEqual(healthOf(balanced(), [endpointOf(A, draining), C]), [32_000, 0]))
  test('but not where the policy is Cluster', () =>
    assert.deepEqual(healthOf(balanced({ externalTrafficPolicy: 'Cluster' }), [A]), [undefined, 1]))
})

test('a node that changes its zone gets the endpoints of the new one', () => {
  const index = createServiceIndex(OPTIONS)
  index.setService(webOf())
  const inZone = (name: string) => ({ hints: { forZones: [{ name }] } })
  index.setSlice(sliceOf('web', [endpointOf(A, inZone('west')), endpointOf(C, inZone('east'))]))
  const chosen = () =>
    index
      .model()
      .get('default/web')!
      .ports[0]!.endpoints.cluster.map((each) => each.ip)
  assert.deepEqual(chosen(), [A])
  index.setNode({ zone: 'east' })
  assert.deepEqual(chosen(), [C])
  index.setNode({})
  assert.deepEqual(chosen(), [A, C])
})

suite('planServiceModel() lets the load balancer itself be a source', () => {
  const rows = [
    { name: 'where the node may', ranges: ['172.30.0.0/24'], want: true },
    { name: 'not where it may not', ranges: ['192.0.2.0/24'], want: undefined },
  ]
  for (const { name, ranges, want } of rows) {
    test(name, () => {
      const service = webOf({ type: 'LoadBalancer', loadBalancerSourceRanges: ranges })
      assert.equal(portsOf(service, [])[0]!.allowsVIPAsSource, want)
    })
  }
})
