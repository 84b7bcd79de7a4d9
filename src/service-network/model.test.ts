import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { Service, ServiceSpec } from '#api/core.ts'
import { ip } from '#ip/ip.ts'
import {
  type Frontend,
  type IgnoredReason,
  MAX_IGNORED,
  type ProxiedPort,
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

  test('a thousand duplicates without keeping a thousand reasons', () => {
    const service = planServiceModel([webOf()], [sliceOf('web', Array(1000).fill(A))], OPTIONS).get(
      'default/web',
    )!
    assert.equal(service.ports[0]!.endpoints.cluster.length, 1)
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
