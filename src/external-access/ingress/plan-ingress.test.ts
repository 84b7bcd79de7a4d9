import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { suite, test } from 'node:test'
import type { Secret, Service } from '#api/core.ts'
import type { EndpointSlice } from '#api/discovery.ts'
import type { Ingress, IngressClass, IngressPath, IngressSpec } from '#api/networking.ts'
import { matchPath } from './match-path.ts'
import type { IngressPlan } from './model.ts'
import { type IngressState, planIngress } from './plan-ingress.ts'

// Addresses in all tests: pods 10.244.0.0/16, services 10.96.0.0/16.
const nginxClass: IngressClass = {
  metadata: { name: 'nginx' },
  spec: { controller: 'k8s.io/ingress-nginx' },
}

function ingress(
  name: string,
  spec: IngressSpec,
  metadata: Partial<Ingress['metadata']> = {},
): Ingress {
  return {
    metadata: {
      name,
      namespace: 'default',
      creationTimestamp: '2026-01-01T00:00:00Z',
      ...metadata,
    },
    spec: { ingressClassName: 'nginx', ...spec },
  }
}

function to(service: string, port: number | string = 80) {
  return {
    service: { name: service, port: typeof port === 'number' ? { number: port } : { name: port } },
  }
}

function path(
  pathType: NonNullable<IngressPath['pathType']>,
  text: string,
  service = 'web',
): IngressPath {
  return { path: text, pathType, backend: to(service) }
}

function serviceOf(name: string): { service: Service; slice: EndpointSlice } {
  const metadata = { name, namespace: 'default' }
  return {
    service: {
      metadata,
      spec: {
        clusterIP: '10.96.0.20',
        ports: [
          { name: 'http', port: 80 },
          { name: 'alt', port: 81 },
        ],
      },
    },
    slice: {
      metadata: { ...metadata, labels: { 'kubernetes.io/service-name': name } },
      addressType: 'IPv4',
      endpoints: [
        { addresses: ['10.244.2.7'] },
        { addresses: ['10.244.1.7'], conditions: { ready: true } },
        { addresses: ['10.244.3.7'], conditions: { ready: false } },
      ],
      ports: [
        { name: 'http', port: 8080 },
        { name: 'alt', port: 8081 },
      ],
    },
  }
}

function state(ingresses: readonly Ingress[], more: Partial<IngressState> = {}): IngressState {
  const made = ['web', 'other', 'third'].map(serviceOf)
  return {
    ingresses,
    classes: [nginxClass],
    services: made.map(({ service }) => service),
    slices: made.map(({ slice }) => slice),
    secrets: [],
    ...more,
  }
}

/** Which backend a request reaches by the plan: as nginx picks a server, and then by the rules of the specification. */
function route(plan: IngressPlan, host: string, requested: string): string {
  const wildcard = `*${host.slice(host.indexOf('.'))}`
  const server = [host, wildcard, '']
    .map((each) => plan.servers.find((server) => server.host === each))
    .find((each) => each)
  const action = matchPath(server!.locations, requested)?.action
  return !action || action.kind === 'not-found'
    ? '404'
    : action.kind === 'unavailable'
      ? '503'
      : action.backend.split('.')[1]!
}

// Source: the table of https://kubernetes.io/docs/concepts/services-networking/ingress/#examples, and path_rules.feature of
// kubernetes-sigs/ingress-controller-conformance.
const paths: readonly { rules: IngressPath[]; request: string; want: string }[] = [
  { rules: [path('Prefix', '/')], request: '/any/path', want: 'web' },
  { rules: [path('Exact', '/foo')], request: '/foo', want: 'web' },
  { rules: [path('Exact', '/foo')], request: '/bar', want: '404' },
  { rules: [path('Exact', '/foo')], request: '/foo/', want: '404' },
  { rules: [path('Exact', '/foo/')], request: '/foo', want: '404' },
  { rules: [path('Exact', '/foo')], request: '/FOO', want: '404' },
  { rules: [path('Prefix', '/foo')], request: '/foo', want: 'web' },
  { rules: [path('Prefix', '/foo')], request: '/foo/', want: 'web' },
  { rules: [path('Prefix', '/foo/')], request: '/foo', want: 'web' },
  { rules: [path('Prefix', '/foo/')], request: '/foo/', want: 'web' },
  { rules: [path('Prefix', '/aaa/bb')], request: '/aaa/bbb', want: '404' },
  { rules: [path('Prefix', '/aaa/bbb')], request: '/aaa/bbb', want: 'web' },
  { rules: [path('Prefix', '/aaa/bbb/')], request: '/aaa/bbb', want: 'web' },
  { rules: [path('Prefix', '/aaa/bbb')], request: '/aaa/bbb/', want: 'web' },
  { rules: [path('Prefix', '/aaa/bbb')], request: '/aaa/bbb/ccc', want: 'web' },
  { rules: [path('Prefix', '/aaa/bbb')], request: '/aaa/bbbxyz', want: '404' },
  {
    rules: [path('Prefix', '/'), path('Prefix', '/aaa', 'other')],
    request: '/aaa/ccc',
    want: 'other',
  },
  { rules: [path('Prefix', '/'), path('Prefix', '/aaa', 'other')], request: '/ccc', want: 'web' },
  {
    rules: [path('Prefix', '/aaa'), path('Prefix', '/aaa/bbb', 'other')],
    request: '/aaa/bbb/c',
    want: 'other',
  },
  {
    rules: [path('Prefix', '/foo'), path('Exact', '/foo', 'other')],
    request: '/foo',
    want: 'other',
  },
  {
    rules: [path('Prefix', '/foo/'), path('Exact', '/foo', 'other')],
    request: '/foo',
    want: 'other',
  },
  {
    rules: [path('Prefix', '/foo'), path('Exact', '/foo', 'other')],
    request: '/foo/',
    want: 'web',
  },
  { rules: [path('ImplementationSpecific', '/foo')], request: '/foobar', want: 'web' },
  { rules: [path('ImplementationSpecific', '')], request: '/x', want: 'web' },
  {
    rules: [path('ImplementationSpecific', '/foo'), path('Prefix', '/foo', 'other')],
    request: '/foo/x',
    want: 'other',
  },
]

suite('planIngress() matches paths', () => {
  for (const { rules, request, want } of paths) {
    const name = rules.map((rule) => `${rule.pathType} ${rule.path}`).join(', ')
    test(`${name}: ${request} is ${want}`, () => {
      const plan = planIngress(
        state([ingress('a', { rules: [{ host: 'a.example', http: { paths: rules } }] })]),
      )
      assert.equal(route(plan, 'a.example', request), want)
    })
  }
})

const all = (service: string) => ({ http: { paths: [path('Prefix', '/', service)] } })

suite('planIngress() matches hosts', () => {
  // host_rules.feature of ingress-controller-conformance: a wildcard stands for exactly one label.
  const plan = planIngress(
    state([
      ingress('a', {
        rules: [
          { host: '*.foo.com', ...all('web') },
          { host: 'exact.foo.com', http: { paths: [path('Prefix', '/known', 'other')] } },
          all('third'),
        ],
      }),
    ]),
  )
  const cases = [
    { host: 'bar.foo.com', path: '/', want: 'web' },
    { host: 'baz.bar.foo.com', path: '/', want: 'third' },
    { host: 'foo.com', path: '/', want: 'third' },
    { host: 'exact.foo.com', path: '/known', want: 'other' },
    // No fallthrough between hosts.
    { host: 'exact.foo.com', path: '/', want: '404' },
    { host: 'elsewhere.example', path: '/', want: 'third' },
  ]
  for (const { host, path: requested, want } of cases)
    test(`${host}${requested} is ${want}`, () => assert.equal(route(plan, host, requested), want))
})

suite('planIngress() picks Ingresses', () => {
  const rules = [{ host: 'a.example', ...all('web') }]
  const other: IngressClass = {
    metadata: { name: 'other' },
    spec: { controller: 'example.com/other' },
  }
  const byDefault: IngressClass = {
    ...nginxClass,
    metadata: {
      name: 'nginx',
      annotations: { 'ingressclass.kubernetes.io/is-default-class': 'true' },
    },
  }
  const classless = (annotations?: Record<string, string>): Ingress => ({
    metadata: { name: 'a', namespace: 'default', ...(annotations && { annotations }) },
    spec: { rules },
  })
  const cases = [
    {
      name: 'of our class',
      one: ingress('a', { rules }),
      classes: [nginxClass, other],
      want: 'web',
    },
    {
      name: 'not of another class',
      one: ingress('a', { rules, ingressClassName: 'other' }),
      classes: [nginxClass, other],
      want: '404',
    },
    {
      name: 'not of a class that does not exist',
      one: ingress('a', { rules }),
      classes: [],
      want: '404',
    },
    {
      name: 'by the old annotation',
      one: classless({ 'kubernetes.io/ingress.class': 'nginx' }),
      classes: [nginxClass],
      want: 'web',
    },
    {
      name: 'not by another old annotation',
      one: classless({ 'kubernetes.io/ingress.class': 'traefik' }),
      classes: [byDefault],
      want: '404',
    },
    {
      name: 'without class where ours is the default',
      one: classless(),
      classes: [byDefault],
      want: 'web',
    },
    { name: 'not without class otherwise', one: classless(), classes: [nginxClass], want: '404' },
  ]
  for (const { name, one, classes, want } of cases)
    test(name, () =>
      assert.equal(route(planIngress(state([one], { classes })), 'a.example', '/'), want),
    )

  test('the oldest wins a path, the other is told', () => {
    const young = ingress(
      'young',
      { rules: [{ host: 'a.example', ...all('other') }] },
      { creationTimestamp: '2026-02-01T00:00:00Z' },
    )
    const plan = planIngress(state([young, ingress('old', { rules })]))
    assert.equal(route(plan, 'a.example', '/'), 'web')
    assert.deepEqual(
      plan.findings.map(({ ingress, message }) => `${ingress}: ${message}`),
      ['young: Cannot serve a.example/: Ingress default/old is older and has it'],
    )
  })

  test('two Ingresses share a host', () => {
    const more = ingress('more', {
      rules: [{ host: 'A.example', http: { paths: [path('Prefix', '/more', 'other')] } }],
    })
    const plan = planIngress(state([ingress('a', { rules }), more]))
    assert.equal(route(plan, 'a.example', '/more/x'), 'other')
    assert.equal(route(plan, 'a.example', '/x'), 'web')
  })

  test('the oldest default backend takes all that nobody else wants', () => {
    const first = ingress('first', { defaultBackend: to('other') })
    const second = ingress(
      'second',
      { defaultBackend: to('third') },
      { creationTimestamp: '2026-02-01T00:00:00Z' },
    )
    const third = ingress('third', {
      rules: [{ host: 'a.example', http: { paths: [path('Exact', '/x')] } }, { host: 'b.example' }],
    })
    const plan = planIngress(state([second, first, third]))
    assert.equal(route(plan, 'unknown.example', '/'), 'other')
    assert.equal(route(plan, 'a.example', '/y'), 'other')
    assert.equal(route(plan, 'b.example', '/y'), 'other')
  })
})

suite('planIngress() finds backends', () => {
  const endpointsFor = (backend: IngressPath['backend'], more: Partial<IngressState> = {}) => {
    const rules = [{ http: { paths: [{ path: '/', pathType: 'Prefix' as const, backend }] } }]
    return planIngress(state([ingress('a', { rules })], more))
  }
  const cases = [
    { name: 'by number', backend: to('web', 80), want: ['10.244.1.7:8080', '10.244.2.7:8080'] },
    { name: 'by name', backend: to('web', 'alt'), want: ['10.244.1.7:8081', '10.244.2.7:8081'] },
    {
      name: 'no such port',
      backend: to('web', 99),
      want: '503',
      finding: 'Cannot route to a backend: Service default/web has no port 99',
    },
    {
      name: 'no such Service',
      backend: to('nope'),
      want: '503',
      finding: 'Cannot route to a backend: Service default/nope does not exist',
    },
    {
      name: 'a resource',
      backend: { resource: { kind: 'Bucket', name: 'x' } },
      want: '404',
      finding: 'Cannot route to a backend: only Services can be backends',
    },
  ]
  for (const { name, backend, want, finding } of cases) {
    test(name, () => {
      const plan = endpointsFor(backend)
      assert.deepEqual(
        plan.findings.map(({ message }) => message),
        finding ? [finding] : [],
      )
      if (typeof want === 'string') assert.equal(route(plan, 'x', '/'), want)
      else
        assert.deepEqual(
          plan.backends[0]?.endpoints.map(({ address, port }) => `${address}:${port}`),
          want,
        )
    })
  }
  test('no ready endpoint is 503', () =>
    assert.equal(route(endpointsFor(to('web'), { slices: [] }), 'x', '/'), '503'))
})

function makeSecret(name: string, cn: string): Secret {
  const pem = execFileSync(
    'openssl',
    [
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-subj',
      `/CN=${cn}`,
      '-days',
      '2',
      '-keyout',
      '-',
      '-out',
      '-',
    ],
    { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] },
  )
  const [key = ''] = /-----BEGIN PRIVATE KEY-----.*-----END PRIVATE KEY-----/s.exec(pem) ?? []
  const [certificate = ''] =
    /-----BEGIN CERTIFICATE-----.*-----END CERTIFICATE-----/s.exec(pem) ?? []
  const data = {
    'tls.crt': Buffer.from(certificate).toString('base64'),
    'tls.key': Buffer.from(key).toString('base64'),
  }
  return { metadata: { name, namespace: 'default' }, type: 'kubernetes.io/tls', data }
}

suite('planIngress() plans TLS', () => {
  const good = makeSecret('good', 'a.example')
  const mixed: Secret = {
    ...good,
    metadata: { name: 'mixed', namespace: 'default' },
    data: { ...good.data, 'tls.key': makeSecret('x', 'x').data!['tls.key']! },
  }
  const plan = (
    tls: IngressSpec['tls'],
    rules: IngressSpec['rules'],
    annotations: Record<string, string> = {},
  ) =>
    planIngress(
      state([ingress('a', { ...(tls && { tls }), ...(rules && { rules }) }, { annotations })], {
        secrets: [good, mixed],
      }),
    )
  const rules = [{ host: 'a.example', ...all('web') }]
  const certified = ({ servers }: IngressPlan) =>
    servers.filter(({ certificate }) => certificate).map(({ host }) => host)
  const redirects = ({ servers }: IngressPlan) =>
    servers
      .flatMap(({ locations }) => locations)
      .some(({ action }) => action.kind === 'proxy' && action.redirectToTLS)

  test('for a host by name', () => {
    const planned = plan([{ hosts: ['a.example'], secretName: 'good' }], rules)
    assert.deepEqual(certified(planned), ['a.example'])
    assert.equal(planned.certificates.length, 1)
    assert.ok(redirects(planned))
  })
  test('for a host by wildcard', () =>
    assert.deepEqual(certified(plan([{ hosts: ['*.example'], secretName: 'good' }], rules)), [
      '*.example',
      'a.example',
    ]))
  test('for a host without a rule of its own', () => {
    const planned = plan([{ hosts: ['b.example'], secretName: 'good' }], [all('web')])
    assert.deepEqual(certified(planned), ['b.example'])
    assert.equal(route(planned, 'b.example', '/'), 'web')
  })
  test('without hosts: those of its rules, or all', () => {
    assert.deepEqual(certified(plan([{ secretName: 'good' }], rules)), ['a.example'])
    assert.deepEqual(certified(plan([{ secretName: 'good' }], [all('web')])), [''])
  })
  test('no redirect where the annotation says so, or without certificate', () => {
    const off = { 'nginx.ingress.kubernetes.io/ssl-redirect': 'false' }
    assert.ok(!redirects(plan([{ hosts: ['a.example'], secretName: 'good' }], rules, off)))
    assert.ok(!redirects(plan(undefined, rules)))
    assert.ok(
      redirects(
        plan(undefined, rules, { 'nginx.ingress.kubernetes.io/force-ssl-redirect': 'true' }),
      ),
    )
  })
  for (const secretName of ['missing', 'mixed']) {
    test(`a Secret that is ${secretName} costs only its own hosts`, () => {
      const planned = plan([{ hosts: ['a.example'], secretName }], rules)
      assert.deepEqual(certified(planned), [])
      assert.match(
        planned.findings[0]!.message,
        new RegExp(`^Cannot use the certificate of Secret default/${secretName}: `),
      )
      assert.equal(route(planned, 'a.example', '/'), 'web')
    })
  }
})

suite('planIngress() is safe and stable', () => {
  test('equal states in another order give equal plans', () => {
    const ingresses = [
      ingress('a', { rules: [{ host: 'a.example', ...all('web') }] }),
      ingress('b', { rules: [{ host: 'b.example', ...all('other') }] }),
    ]
    const one = state(ingresses)
    const two = state(ingresses.toReversed(), {
      services: one.services.toReversed(),
      slices: one.slices.toReversed(),
    })
    assert.deepEqual(planIngress(one), planIngress(two))
  })
  const hostile = [
    { host: 'a.example;', path: '/' },
    { host: 'a b', path: '/' },
    { host: '*.*.example', path: '/' },
    { host: 'a.example', path: '/a\nb' },
    { host: 'a.example', path: '/a%0ab' },
    { host: 'a.example', path: 'relative' },
    { host: 'a.example', path: `/${'x'.repeat(3000)}` },
  ]
  for (const { host, path: text } of hostile) {
    test(`refuses ${JSON.stringify(host)} ${JSON.stringify(text.slice(0, 20))}`, () => {
      const plan = planIngress(
        state([ingress('a', { rules: [{ host, http: { paths: [path('Prefix', text)] } }] })]),
      )
      assert.equal(plan.findings.length, 1)
      assert.deepEqual(plan.backends, [])
    })
  }
})
