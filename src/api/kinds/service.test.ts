import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { Service, ServiceSpec } from '../core.ts'
import { formatFieldError } from '../field-error.ts'
import { service } from './service.ts'

const make = (spec: unknown, metadata: object = {}): Service => ({
  metadata: { name: 'web', namespace: 'default', ...metadata },
  spec: spec as ServiceSpec,
})
const create = (spec: unknown, metadata?: object) =>
  service.prepareCreate(service.default(make(spec, metadata)))
const complaints = (spec: unknown, metadata?: object) =>
  service.validate(create(spec, metadata)).map(formatFieldError)
const port = { port: 80, protocol: 'TCP' }

// Expected texts: facts/services.md 1.2 and core/validation v1.36.0, validateService().
const invalid = [
  { name: 'no ports', spec: {}, want: ['spec.ports: Required value'] },
  {
    name: 'port 0',
    spec: { ports: [{ port: 0, targetPort: 80 }] },
    want: ['spec.ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive'],
  },
  {
    name: 'several ports need names',
    spec: { ports: [{ port: 80 }, { port: 81, name: 'b' }] },
    want: ['spec.ports[0].name: Required value'],
  },
  {
    name: 'a name twice',
    spec: {
      ports: [
        { port: 80, name: 'a' },
        { port: 81, name: 'a' },
      ],
    },
    want: ['spec.ports[1].name: Duplicate value: "a"'],
  },
  {
    name: 'protocol and port twice',
    spec: {
      ports: [
        { port: 80, name: 'a' },
        { port: 80, name: 'b' },
      ],
    },
    want: [
      'spec.ports[1]: Duplicate value: {"Name":"","Protocol":"TCP","AppProtocol":null,"Port":80,"TargetPort":0,"NodePort":0}',
    ],
  },
  {
    name: 'a nodePort twice',
    spec: {
      type: 'NodePort',
      ports: [
        { port: 80, name: 'a', nodePort: 30080 },
        { port: 81, name: 'b', nodePort: 30080 },
      ],
    },
    want: ['spec.ports[1].nodePort: Duplicate value: 30080'],
  },
  {
    name: 'an unknown protocol',
    spec: { ports: [{ port: 80, protocol: 'ICMP' }] },
    want: [
      'spec.ports[0].protocol: Unsupported value: "ICMP": supported values: "SCTP", "TCP", "UDP"',
    ],
  },
  {
    name: 'a targetPort that is no IANA_SVC_NAME',
    spec: { ports: [{ port: 80, targetPort: 'http-on-the-side' }] },
    want: [
      'spec.ports[0].targetPort: Invalid value: "http-on-the-side": must be no more than 15 characters',
    ],
  },
  {
    name: 'nodePort of a ClusterIP',
    spec: { ports: [{ port: 80, nodePort: 30080 }] },
    want: ["spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'"],
  },
  {
    name: 'an unknown type',
    spec: { type: 'Balancer', ports: [port] },
    want: [
      'spec.type: Unsupported value: "Balancer": supported values: "ClusterIP", "ExternalName", "LoadBalancer", "NodePort"',
    ],
  },
  {
    name: 'headless NodePort',
    spec: { type: 'NodePort', clusterIP: 'None', ports: [port] },
    want: [
      'spec.clusterIPs[0]: Invalid value: "None": may not be set to \'None\' for NodePort services',
    ],
  },
  {
    name: 'ExternalName without a name',
    spec: { type: 'ExternalName' },
    want: ['spec.externalName: Required value'],
  },
  {
    name: 'ExternalName with an address',
    spec: { type: 'ExternalName', externalName: 'example.com.', clusterIP: '10.96.0.9' },
    want: ['spec.clusterIPs: Forbidden: may not be set for ExternalName services'],
  },
  {
    name: 'clusterIP that is no address',
    spec: { clusterIP: '10.96.0', ports: [port] },
    want: [
      'spec.clusterIPs[0]: Invalid value: "10.96.0": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
    ],
  },
  {
    name: 'clusterIP with leading zeros',
    spec: { clusterIP: '010.96.0.9', ports: [port] },
    want: ['spec.clusterIPs[0]: Invalid value: "010.96.0.9": must not have leading 0s'],
  },
  {
    name: 'clusterIPs against clusterIP',
    spec: { clusterIP: '10.96.0.9', clusterIPs: ['10.96.0.8'], ports: [port] },
    want: ['spec.clusterIPs: Invalid value: ["10.96.0.8"]: first value must match `clusterIP`'],
  },
  {
    name: 'clusterIPs without clusterIP',
    spec: { clusterIPs: ['10.96.0.8'], ports: [port] },
    want: [
      'spec.clusterIPs: Invalid value: ["10.96.0.8"]: must be empty when `clusterIP` is not specified',
    ],
  },
  {
    name: 'two addresses of one family',
    spec: { clusterIP: '10.96.0.8', clusterIPs: ['10.96.0.8', '10.96.0.9'], ports: [port] },
    want: [
      'spec.clusterIPs: Invalid value: ["10.96.0.8","10.96.0.9"]: may specify no more than one IP for each IP family',
    ],
  },
  {
    name: 'family against address',
    spec: { clusterIP: '10.96.0.8', ipFamilies: ['IPv6'], ports: [port] },
    want: [
      'spec.clusterIPs[0]: Invalid value: "10.96.0.8": expected an IPv6 value as indicated by `ipFamilies[0]`',
    ],
  },
  {
    name: 'affinity for two days',
    spec: {
      sessionAffinity: 'ClientIP',
      sessionAffinityConfig: { clientIP: { timeoutSeconds: 172800 } },
      ports: [port],
    },
    want: [
      'spec.sessionAffinityConfig.clientIP.timeoutSeconds: Invalid value: 172800: must be greater than 0 and less than 86400',
    ],
  },
  {
    name: 'externalTrafficPolicy of a ClusterIP',
    spec: { externalTrafficPolicy: 'Local', ports: [port] },
    want: [
      'spec.externalTrafficPolicy: Invalid value: "Local": may only be set for externally-accessible services',
    ],
  },
  {
    name: 'source ranges of a NodePort',
    spec: { type: 'NodePort', loadBalancerSourceRanges: ['10.0.0.1/8'], ports: [port] },
    want: [
      "spec.LoadBalancerSourceRanges: Forbidden: may only be used when `type` is 'LoadBalancer'",
      'spec.LoadBalancerSourceRanges[0]: Invalid value: "10.0.0.1/8": must not have bits set beyond the prefix length',
    ],
  },
  {
    name: 'externalIP on loopback (CVE-2021-25737)',
    spec: { externalIPs: ['127.0.0.1'], ports: [port] },
    want: [
      'spec.externalIPs[0]: Invalid value: "127.0.0.1": may not be in the loopback range (127.0.0.0/8, ::1/128)',
    ],
  },
  {
    name: 'loadBalancerClass of a ClusterIP',
    spec: { loadBalancerClass: 'a/b', ports: [port] },
    want: ["spec.loadBalancerClass: Forbidden: may only be used when `type` is 'LoadBalancer'"],
  },
  {
    name: 'trafficDistribution',
    spec: { trafficDistribution: 'Near', ports: [port] },
    want: [
      'spec.trafficDistribution: Unsupported value: "Near": supported values: "PreferClose", "PreferSameZone", "PreferSameNode"',
    ],
  },
]

suite('a new Service is refused for', () => {
  for (const { name, spec, want } of invalid) {
    test(name, () => assert.deepEqual(complaints(spec), want))
  }
  test('its name', () =>
    assert.deepEqual(complaints({ ports: [port] }, { name: 'Web' }), [
      `metadata.name: Invalid value: "Web": a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')`,
    ]))
})

suite('a new Service is accepted', () => {
  const valid = [
    { name: 'plain', spec: { ports: [port] } },
    { name: 'headless without ports', spec: { clusterIP: 'None' } },
    {
      name: 'ExternalName with a trailing dot',
      spec: { type: 'ExternalName', externalName: 'a.b.' },
    },
    {
      name: 'TCP and UDP on one number',
      spec: {
        ports: [
          { port: 53, name: 'a' },
          { port: 53, name: 'b', protocol: 'UDP' },
        ],
      },
    },
    {
      name: 'source ranges with spaces',
      spec: { type: 'LoadBalancer', loadBalancerSourceRanges: [' 10.0.0.0/8 '], ports: [port] },
    },
  ]
  for (const { name, spec } of valid) test(name, () => assert.deepEqual(complaints(spec), []))
})

// Expected: core/v1/defaults.go v1.36, SetDefaults_Service.
suite('defaults of a Service', () => {
  test('ClusterIP', () =>
    assert.deepEqual(service.default(make({ ports: [{ port: 80 }] })).spec, {
      type: 'ClusterIP',
      ports: [{ port: 80, protocol: 'TCP', targetPort: 80 }],
      sessionAffinity: 'None',
      internalTrafficPolicy: 'Cluster',
    }))
  test('LoadBalancer', () => {
    const spec = {
      type: 'LoadBalancer',
      sessionAffinity: 'ClientIP',
      ports: [{ port: 80, targetPort: 'http' }],
    }
    assert.deepEqual(service.default(make(spec)).spec, {
      type: 'LoadBalancer',
      ports: [{ port: 80, protocol: 'TCP', targetPort: 'http' }],
      sessionAffinity: 'ClientIP',
      sessionAffinityConfig: { clientIP: { timeoutSeconds: 10800 } },
      externalTrafficPolicy: 'Cluster',
      internalTrafficPolicy: 'Cluster',
      allocateLoadBalancerNodePorts: true,
    })
  })
  test('ExternalName has no traffic policy', () =>
    assert.deepEqual(service.default(make({ type: 'ExternalName', externalName: 'a.b' })).spec, {
      type: 'ExternalName',
      externalName: 'a.b',
      sessionAffinity: 'None',
    }))
})

const stored: Service = {
  metadata: { name: 'web', namespace: 'default', resourceVersion: '7' },
  spec: {
    type: 'NodePort',
    clusterIP: '10.96.0.9',
    clusterIPs: ['10.96.0.9'],
    ipFamilies: ['IPv4'],
    ipFamilyPolicy: 'SingleStack',
    ports: [{ port: 80, protocol: 'TCP', targetPort: 80, nodePort: 30080 }],
    sessionAffinity: 'None',
    externalTrafficPolicy: 'Cluster',
    internalTrafficPolicy: 'Cluster',
  },
  status: { loadBalancer: {} },
}
const update = (spec: object) =>
  service.prepareUpdate(service.default({ ...stored, spec: spec as ServiceSpec }), stored)
const objections = (spec: object) =>
  service.validateUpdate(update(spec), stored).map(formatFieldError)

// Expected: registry/core/service/strategy.go, patchAllocatedValues and dropTypeDependentFields.
suite('an updated Service', () => {
  test('keeps what was allocated when a client leaves it out', () => {
    const { spec } = update({ type: 'NodePort', ports: [{ port: 80 }] })
    // The allocator infers the families again from the addresses.
    const { ipFamilies: _, ipFamilyPolicy: __, ...kept } = stored.spec
    assert.deepEqual(spec, kept)
  })
  test('loses its nodePort with its type', () => {
    const { spec } = update({ ...stored.spec, type: 'ClusterIP' })
    assert.equal(spec.ports?.[0]?.nodePort, undefined)
    assert.equal(spec.externalTrafficPolicy, undefined)
    assert.deepEqual(objections({ ...stored.spec, type: 'ClusterIP' }), [])
  })
  test('loses its addresses when it becomes an ExternalName', () => {
    const spec = { ...stored.spec, type: 'ExternalName', externalName: 'a.b' }
    assert.equal(update(spec).spec.clusterIP, undefined)
    assert.equal(update(spec).spec.ipFamilies, undefined)
  })
  test('must not change its cluster IP', () =>
    assert.deepEqual(objections({ ...stored.spec, clusterIP: '10.96.0.10' }), [
      'spec.clusterIPs[0]: Invalid value: ["10.96.0.10"]: may not change once set',
    ]))
  test('needs a resourceVersion', () => {
    const { resourceVersion: _, ...metadata } = stored.metadata
    assert.deepEqual(
      service.validateUpdate({ ...stored, metadata }, stored).map(formatFieldError),
      ['metadata.resourceVersion: Invalid value: "": must be specified for an update'],
    )
  })
})

// Expected: pkg/api/service/warnings.go v1.36.
suite('a Service is warned of', () => {
  const cases = [
    {
      name: 'externalIPs',
      spec: { externalIPs: ['203.0.113.9'], ports: [port] },
      want: ['spec.externalIPs is deprecated and may no longer be implemented in some clusters'],
    },
    {
      name: 'PreferClose',
      spec: { trafficDistribution: 'PreferClose', ports: [port] },
      want: ['spec.trafficDistribution: "PreferClose" is deprecated; use "PreferSameZone"'],
    },
    {
      name: 'an odd spelling',
      spec: { type: 'LoadBalancer', loadBalancerIP: '2001:DB8::1', ports: [port] },
      want: [
        'spec.loadBalancerIP: IPv6 address "2001:DB8::1" should be in RFC 5952 canonical format ("2001:db8::1")',
      ],
    },
    {
      name: 'externalName without its type',
      spec: { externalName: 'a.b', ports: [port] },
      want: ['spec.externalName is ignored when spec.type is not "ExternalName"'],
    },
  ]
  for (const { name, spec, want } of cases) {
    test(name, () => assert.deepEqual(service.warnings?.(create(spec)), want))
  }
})

// Expected: core/validation v1.36, ValidateLoadBalancerStatus.
test('ingress points belong to LoadBalancers', () => {
  const status = { loadBalancer: { ingress: [{ ip: '172.30.0.200', ipMode: 'VIP' as const }] } }
  assert.deepEqual(
    service.validateStatusUpdate?.({ ...stored, status }, stored).map(formatFieldError),
    ["status.loadBalancer.ingress: Forbidden: may only be used when `spec.type` is 'LoadBalancer'"],
  )
})
