import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { HTTPIngressPath, Ingress, IngressClass } from '#api/networking.ts'
import { type IngressState, planIngress } from './plan-ingress.ts'
import { all, ingress, nginxClass, path, route, state, to } from './testing/ingress-state.ts'

// Source: the table of https://kubernetes.io/docs/concepts/services-networking/ingress/#examples, and path_rules.feature of
// kubernetes-sigs/ingress-controller-conformance.
const paths: readonly { rules: HTTPIngressPath[]; request: string; want: string }[] = [
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
  const endpointsFor = (backend: HTTPIngressPath['backend'], more: Partial<IngressState> = {}) => {
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
