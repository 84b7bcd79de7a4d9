import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { ConfigMap, Endpoints, Namespace, Secret } from '../core.ts'
import type { EndpointSlice } from '../discovery.ts'
import { formatFieldError } from '../field-error.ts'
import type { Ingress, IngressClass } from '../networking.ts'
import { configMap } from './config-map.ts'
import { endpointSlice } from './endpoint-slice.ts'
import { endpoints } from './endpoints.ts'
import { ingress } from './ingress.ts'
import { ingressClass } from './ingress-class.ts'
import { namespace } from './namespace.ts'
import { secret } from './secret.ts'

const metadata = { name: 'web', namespace: 'default' }
const backend = { service: { name: 'web', port: { number: 80 } } }
const withPath = (path: object) => ({ rules: [{ http: { paths: [path] } }] })
const at = 'spec.rules[0].http.paths[0]'

// Expected texts: facts/external-access.md 2 and networking/validation.
const invalidIngresses = [
  {
    name: 'nothing',
    spec: {},
    want: ['spec: Invalid value: null: either `defaultBackend` or `rules` must be specified'],
  },
  {
    name: 'an address as host',
    spec: { rules: [{ host: '10.0.0.1' }] },
    want: ['spec.rules[0].host: Invalid value: "10.0.0.1": must be a DNS name, not an IP address'],
  },
  {
    name: 'a host with a port',
    spec: { rules: [{ host: 'a.b:80' }] },
    want: [
      `spec.rules[0].host: Invalid value: "a.b:80": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')`,
    ],
  },
  {
    name: 'no pathType',
    spec: withPath({ path: '/', backend }),
    want: [`${at}.pathType: Required value: pathType must be specified`],
  },
  {
    name: 'an unknown pathType',
    spec: withPath({ path: '/', pathType: 'Regex', backend }),
    want: [
      `${at}.pathType: Unsupported value: "Regex": supported values: "Exact", "ImplementationSpecific", "Prefix"`,
    ],
  },
  {
    name: 'a path that climbs',
    spec: withPath({ path: '/a/../b', pathType: 'Prefix', backend }),
    want: [`${at}.path: Invalid value: "/a/../b": must not contain '/../'`],
  },
  {
    name: 'a path that ends in a dot',
    spec: withPath({ path: '/a/.', pathType: 'Exact', backend }),
    want: [`${at}.path: Invalid value: "/a/.": cannot end with '/.'`],
  },
  {
    name: 'a relative path',
    spec: withPath({ path: 'a', pathType: 'ImplementationSpecific', backend }),
    want: [`${at}.path: Invalid value: "a": must be an absolute path`],
  },
  {
    name: 'no backend',
    spec: withPath({ path: '/', pathType: 'Prefix', backend: {} }),
    want: [`${at}.backend: Invalid value: "": resource or service backend is required`],
  },
  {
    name: 'two ports',
    spec: withPath({
      path: '/',
      pathType: 'Prefix',
      backend: { service: { name: 'w', port: { name: 'a', number: 1 } } },
    }),
    want: [`${at}.backend: Invalid value: "": cannot set both port name & port number`],
  },
  {
    name: 'no port',
    spec: { defaultBackend: { service: { name: 'w' } } },
    want: ['spec.defaultBackend: Required value: port name or number is required'],
  },
]

suite('an Ingress is refused for', () => {
  for (const { name, spec, want } of invalidIngresses) {
    test(name, () =>
      assert.deepEqual(ingress.validate({ metadata, spec } as Ingress).map(formatFieldError), want),
    )
  }
  for (const host of ['*', '*foo.com', 'a.*.com']) {
    test(`host ${host}`, () => {
      const [error] = ingress.validate({ metadata, spec: { rules: [{ host }] } })
      assert.match(error?.detail ?? '', /^a wildcard DNS-1123 subdomain must start with '\*\.'/)
    })
  }
  test('two classes', () => {
    const annotations = { 'kubernetes.io/ingress.class': 'b' }
    const object = {
      metadata: { ...metadata, annotations },
      spec: { ingressClassName: 'a', defaultBackend: backend },
    }
    assert.deepEqual(ingress.validate(object).map(formatFieldError), [
      'annotations.kubernetes.io/ingress.class: Invalid value: "b": must match `ingressClassName` when both are specified',
    ])
  })
})

suite('an Ingress is accepted with', () => {
  const valid = [
    { name: 'a wildcard host', spec: { rules: [{ host: '*.foo.com' }] } },
    { name: 'an empty path', spec: withPath({ pathType: 'ImplementationSpecific', backend }) },
    { name: 'TLS without a secret', spec: { defaultBackend: backend, tls: [{ hosts: ['a.b'] }] } },
  ]
  for (const { name, spec } of valid) {
    test(name, () => assert.deepEqual(ingress.validate({ metadata, spec } as Ingress), []))
  }
})

// Expected texts: networking/validation, validateIngressClassSpec.
suite('an IngressClass is refused for', () => {
  const cases = [
    { name: 'no controller', spec: {}, want: 'spec.controller: Required value' },
    {
      name: 'a controller without a path',
      spec: { controller: 'nginx' },
      want: 'spec.controller: Invalid value: "nginx": must be a domain-prefixed path (such as "acme.io/foo")',
    },
    {
      name: 'a namespace of cluster-wide parameters',
      spec: {
        controller: 'a.b/c',
        parameters: { kind: 'K', name: 'n', scope: 'Cluster', namespace: 'x' },
      },
      want: "spec.parameters.namespace: Forbidden: `parameters.scope` is set to 'Cluster'",
    },
  ]
  for (const { name, spec, want } of cases) {
    const object: IngressClass = { metadata: { name: 'nginx' }, spec }
    test(name, () => assert.deepEqual(ingressClass.validate(object).map(formatFieldError), [want]))
  }
  test('another controller', () => {
    const old = { metadata: { name: 'nginx', resourceVersion: '1' }, spec: { controller: 'a.b/c' } }
    const next = { ...old, spec: { controller: 'a.b/d' } }
    assert.deepEqual(ingressClass.validateUpdate(next, old).map(formatFieldError), [
      'spec.controller: Invalid value: "a.b/d": field is immutable',
    ])
  })
})

// Expected texts: facts/services.md 1.2, ValidateEndpointIP of core/validation v1.36.
const addresses = [
  ['127.0.0.1', 'may not be in the loopback range (127.0.0.0/8, ::1/128)'],
  ['0.0.0.0', 'may not be unspecified (0.0.0.0)'],
  ['169.254.169.254', 'may not be in the link-local range (169.254.0.0/16, fe80::/10)'],
  ['224.0.0.1', 'may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)'],
] as const

suite('an endpoint address is refused', () => {
  for (const [address, detail] of addresses) {
    test(`${address} in a slice`, () => {
      const slice: EndpointSlice = {
        metadata,
        addressType: 'IPv4',
        endpoints: [{ addresses: [address] }],
      }
      assert.deepEqual(endpointSlice.validate(slice).map(formatFieldError), [
        `endpoints[0].addresses[0]: Invalid value: "${address}": ${detail}`,
      ])
    })
    test(`${address} in Endpoints`, () => {
      const object: Endpoints = { metadata, subsets: [{ addresses: [{ ip: address }] }] }
      assert.deepEqual(endpoints.validate(object).map(formatFieldError), [
        `subsets[0].addresses[0].ip: Invalid value: "${address}": ${detail}`,
      ])
    })
  }
  test('loopback of IPv6', () => {
    const slice: EndpointSlice = {
      metadata,
      addressType: 'IPv6',
      endpoints: [{ addresses: ['::1'] }],
    }
    assert.equal(endpointSlice.validate(slice).length, 1)
  })
})

test('Endpoints are deprecated', () => {
  // facts/services.md 1.2
  const want = 'v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice'
  assert.equal(endpoints.deprecation, want)
})

// Expected texts: core/validation v1.36, ValidateConfigMap and ValidateSecret.
suite('keyed data', () => {
  test('has file names as keys', () => {
    const object: ConfigMap = { metadata, data: { '../x': 'a' } }
    assert.deepEqual(configMap.validate(object).map(formatFieldError), [
      `data[../x]: Invalid value: "../x": a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')`,
      `data[../x]: Invalid value: "../x": must not start with '..'`,
    ])
  })
  test('is at most 1 MiB', () => {
    const object: ConfigMap = { metadata, data: { a: 'x'.repeat(1048577) } }
    assert.deepEqual(configMap.validate(object).map(formatFieldError), [
      ': Too long: may not be more than 1048576 bytes',
    ])
  })
  test('stays when it is immutable', () => {
    const old = {
      metadata: { ...metadata, resourceVersion: '1' },
      data: { a: '1' },
      immutable: true,
    }
    assert.deepEqual(
      configMap.validateUpdate({ ...old, data: { a: '2' } }, old).map(formatFieldError),
      ['data: Forbidden: field is immutable when `immutable` is set'],
    )
  })
  test('of a Secret takes stringData', () => {
    const object: Secret = { metadata, data: { a: 'eA==' }, stringData: { b: 'ü' } }
    assert.deepEqual(secret.default(object), {
      metadata,
      data: { a: 'eA==', b: 'w7w=' },
      type: 'Opaque',
    })
  })
  test('of a TLS Secret is whole', () =>
    assert.deepEqual(
      secret.validate({ metadata, type: 'kubernetes.io/tls' }).map(formatFieldError),
      ['data[tls.crt]: Required value', 'data[tls.key]: Required value'],
    ))
})

test('a new Namespace is active, labelled and held by the finalizer kubernetes', () => {
  // registry/core/namespace/strategy.go
  assert.deepEqual(namespace.prepareCreate({ metadata: { name: 'shop' } } as Namespace), {
    metadata: { name: 'shop', labels: { 'kubernetes.io/metadata.name': 'shop' } },
    spec: { finalizers: ['kubernetes'] },
    status: { phase: 'Active' },
  })
})
