import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { suite, test } from 'node:test'
import type { Secret } from '#api/core.ts'
import type { IngressSpec } from '#api/networking.ts'
import type { IngressPlan } from './model.ts'
import { planIngress } from './plan-ingress.ts'
import { all, ingress, route, state } from './testing/ingress-state.ts'

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
