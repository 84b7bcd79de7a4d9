import assert from 'node:assert/strict'
import { createPublicKey, verify } from 'node:crypto'
import { after, before, suite, test } from 'node:test'
import fc from 'fast-check'
import { startTestServer, type TestServer } from '../../testing/test-server.ts'
import { createTestTokens } from '../../testing/tokens.ts'
import { createTokenKeys } from './jwt.ts'

const options = createTestTokens()
let server: TestServer
let clock = Date.now()
const CORE = '/api/v1/namespaces/default'
const ISSUER = options.issuer

before(async () => {
  server = await startTestServer({
    access: {
      authorization: 'RBAC',
      staticTokens: new Map([['s3cret', { name: 'static', groups: ['g'] }]]),
    },
    accountTokens: { ...options, now: () => clock },
  })
  await add(`${CORE}/serviceaccounts`, { metadata: { name: 'robot' } })
  await add(`${CORE}/pods`, {
    metadata: { name: 'p' },
    spec: { serviceAccountName: 'robot', containers: [{ name: 'c', image: 'x' }] },
  })
})
after(() => server[Symbol.asyncDispose]())

async function add(path: string, body: object) {
  const answer = await server.request('POST', path, { body })
  assert.equal(answer.code, 201, answer.text)
  return answer.body
}
const request = (spec: object = {}, account = 'robot') =>
  server.request('POST', `${CORE}/serviceaccounts/${account}/token`, { body: { spec } })
const claimsOf = (token: string) =>
  JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString())
const review = async (token: string, audiences?: readonly string[]) =>
  (
    await add('/apis/authentication.k8s.io/v1/tokenreviews', {
      spec: { token, ...(audiences ? { audiences } : {}) },
    })
  ).status
const withToken = (token: string, path: string) =>
  server.request('GET', path, {
    session: server.connectAs(undefined),
    headers: { authorization: `Bearer ${token}` },
  })

// registry/core/serviceaccount/storage/token.go, pkg/serviceaccount/claims.go
suite('serviceaccounts/token', () => {
  test('has the claims of the account, for an hour, for this server', async () => {
    const { code, body } = await request()
    assert.equal(code, 201)
    const claims = claimsOf(body.status.token)
    const { uid } = (await server.request('GET', `${CORE}/serviceaccounts/robot`)).body.metadata
    const { iat, exp, nbf, jti, ...rest } = claims
    assert.deepEqual(rest, {
      aud: [ISSUER],
      iss: ISSUER,
      'kubernetes.io': { namespace: 'default', serviceaccount: { name: 'robot', uid } },
      sub: 'system:serviceaccount:default:robot',
    })
    assert.deepEqual([exp - iat, nbf - iat], [3600, 0])
    assert.match(jti, /^[0-9a-f-]{36}$/)
    assert.deepEqual(body.spec, { audiences: [ISSUER], expirationSeconds: 3600 })
    assert.equal(Date.parse(body.status.expirationTimestamp) / 1000, exp)
  })

  test('is bound to a pod, its node, and lives a year with a warning where nobody may read it again', async () => {
    const ref = { apiVersion: 'v1', kind: 'Pod', name: 'p' }
    const { body } = await request({ boundObjectRef: ref, expirationSeconds: 3607 })
    const { iat, exp, 'kubernetes.io': bound } = claimsOf(body.status.token)
    assert.equal(bound.pod.name, 'p')
    assert.deepEqual([exp - iat, bound.warnafter - iat], [365 * 24 * 3600, 3607])
  })

  const refused = [
    {
      name: 'nine minutes',
      spec: { expirationSeconds: 540 },
      want: 'TokenRequest.authentication.k8s.io "" is invalid: spec.expirationSeconds: Invalid value: 540: may not specify a duration less than 10 minutes',
    },
    {
      name: 'ages',
      spec: { expirationSeconds: 2 ** 33 },
      want: 'TokenRequest.authentication.k8s.io "" is invalid: spec.expirationSeconds: Invalid value: 8589934592: may not specify a duration larger than 2^32 seconds',
    },
    {
      name: 'a pod that is not there',
      spec: { boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name: 'q' } },
      want: 'pods "q" not found',
    },
    {
      name: 'what no token is bound to',
      spec: { boundObjectRef: { apiVersion: 'v1', kind: 'ConfigMap', name: 'q' } },
      want: 'cannot bind token to object of type /v1, Kind=ConfigMap',
    },
    {
      name: 'another object of that name',
      spec: { boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name: 'p', uid: 'x' } },
      want: 'Operation cannot be fulfilled on Pod "p": the UID in the bound object reference (x) does not match the UID in record. The object might have been deleted and then recreated',
    },
  ]
  for (const { name, spec, want } of refused)
    test(`refuses ${name}`, async () => assert.equal((await request(spec)).body.message, want))

  test("refuses a pod of another account's", async () => {
    await add(`${CORE}/serviceaccounts`, { metadata: { name: 'stranger' } })
    const ref = { apiVersion: 'v1', kind: 'Pod', name: 'p' }
    const { body } = await request({ boundObjectRef: ref }, 'stranger')
    assert.equal(
      body.message,
      'cannot bind token for serviceaccount "stranger" to pod running with different serviceaccount name.',
    )
  })
})

suite('a token', () => {
  test('is its account, with what is known of it', async () => {
    const { body } = await request({ boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name: 'p' } })
    const { token } = body.status
    const status = await review(token)
    const { uid: podUID } = (await server.request('GET', `${CORE}/pods/p`)).body.metadata
    const { uid } = (await server.request('GET', `${CORE}/serviceaccounts/robot`)).body.metadata
    assert.deepEqual(status, {
      authenticated: true,
      audiences: [ISSUER],
      user: {
        username: 'system:serviceaccount:default:robot',
        uid,
        groups: [
          'system:serviceaccounts',
          'system:serviceaccounts:default',
          'system:authenticated',
        ],
        extra: {
          'authentication.kubernetes.io/credential-id': [`JTI=${claimsOf(token).jti}`],
          'authentication.kubernetes.io/pod-name': ['p'],
          'authentication.kubernetes.io/pod-uid': [podUID],
        },
      },
    })
    const denied = await withToken(token, `${CORE}/pods`)
    assert.equal(
      denied.body.message,
      'pods is forbidden: User "system:serviceaccount:default:robot" cannot list resource "pods" in API group "" in the namespace "default"',
    )
    assert.equal((await withToken(token, '/api')).code, 200)
  })

  test('is for its audience only', async () => {
    const { token } = (await request({ audiences: ['vault'] })).body.status
    assert.equal((await withToken(token, '/api')).code, 401)
    assert.equal(
      (await review(token)).error,
      `[invalid bearer token, token audiences ["vault"] is invalid for the target audiences ["${ISSUER}"]]`,
    )
    assert.deepEqual((await review(token, ['vault', 'x'])).audiences, ['vault'])
  })

  test('ends', async () => {
    const { token } = (await request({ expirationSeconds: 600 })).body.status
    clock += 700_000
    try {
      assert.equal(
        (await review(token)).error,
        '[invalid bearer token, service account token has expired]',
      )
      assert.equal((await withToken(token, '/api')).code, 401)
    } finally {
      clock -= 700_000
    }
  })

  test('goes with its pod, and with its account', async () => {
    const make = async (name: string) => {
      await add(`${CORE}/serviceaccounts`, { metadata: { name } })
      await add(`${CORE}/pods`, {
        metadata: { name },
        spec: { serviceAccountName: name, containers: [{ name: 'c', image: 'x' }] },
      })
      const ref = { apiVersion: 'v1', kind: 'Pod', name }
      return (await request({ boundObjectRef: ref }, name)).body.status.token as string
    }
    const [a, b] = [await make('short'), await make('brief')]
    await server.request('DELETE', `${CORE}/pods/short?gracePeriodSeconds=0`)
    assert.equal(
      (await review(a)).error,
      '[invalid bearer token, service account token has been invalidated]',
    )
    await server.request('DELETE', `${CORE}/serviceaccounts/brief`)
    assert.equal(
      (await review(b)).error,
      '[invalid bearer token, serviceaccounts "brief" not found]',
    )
    const again = await add(`${CORE}/serviceaccounts`, { metadata: { name: 'brief' } })
    assert.match(
      (await review(b)).error,
      new RegExp(`service account UID \\(${again.metadata.uid}\\) does not match claim \\(`),
    )
  })

  test('of somebody else is none', async () => {
    assert.deepEqual(await review('nonsense'), { user: {}, error: 'invalid bearer token' })
    const forged = createTokenKeys(createTestTokens().keyPEMs)
    const { token } = (await request()).body.status
    assert.match((await review(forged.sign(claimsOf(token)))).error, /^\[invalid bearer token, /)
    const [head, body] = token.split('.')
    const none = Buffer.from('{"alg":"none"}').toString('base64url')
    for (const fake of [`${none}.${body}.`, `${none}.${body}.x`, `${head}.${body}.x`])
      assert.notEqual((await review(fake)).authenticated, true)
  })

  test('of a file is its user', async () => {
    assert.deepEqual((await review('s3cret')).user, {
      username: 'static',
      groups: ['g', 'system:authenticated'],
    })
  })
})

// RFC 7517 and 8414: what another service needs to check a token by itself.
test('the public keys check a token', async () => {
  const configuration = (await server.request('GET', '/.well-known/openid-configuration')).body
  assert.deepEqual(configuration, {
    issuer: ISSUER,
    jwks_uri: options.jwksURL,
    response_types_supported: ['id_token'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: ['ES256'],
  })
  const jwks = await server.request('GET', '/openid/v1/jwks')
  assert.equal(jwks.headers['content-type'], 'application/jwk-set+json')
  const { keys } = JSON.parse(jwks.text)
  const { token } = (await request()).body.status
  const [head, body, signature] = token.split('.')
  const { kid } = JSON.parse(Buffer.from(head, 'base64url').toString())
  const key = createPublicKey({
    key: keys.find((each: { kid: string }) => each.kid === kid),
    format: 'jwk',
  })
  assert.ok(
    verify(
      'sha256',
      Buffer.from(`${head}.${body}`),
      { key, dsaEncoding: 'ieee-p1363' },
      Buffer.from(signature, 'base64url'),
    ),
  )
})

test('no text is taken for a token that was not signed here', () => {
  const keys = createTokenKeys(options.keyPEMs)
  const token = keys.sign({ iss: ISSUER })
  fc.assert(
    fc.property(fc.nat(token.length - 1), fc.string({ minLength: 1, maxLength: 3 }), (at, text) => {
      const changed = token.slice(0, at) + text + token.slice(at + text.length)
      const decoded = (each: string) =>
        each
          .split('.')
          .map((part) => Buffer.from(part, 'base64url').toString('hex'))
          .join()
      if (decoded(changed) === decoded(token)) return
      assert.equal(keys.verify(changed), undefined)
    }),
    { numRuns: 300 },
  )
  fc.assert(
    fc.property(fc.string({ maxLength: 200 }), (text) => keys.verify(text) === undefined),
    { numRuns: 300 },
  )
})

// plugin/pkg/admission/serviceaccount/admission_test.go
suite('a new pod', () => {
  const make = (spec: object) =>
    server.request('POST', `${CORE}/pods?dryRun=All`, {
      body: { metadata: { name: 'n' }, spec: { containers: [{ name: 'c', image: 'x' }], ...spec } },
    })
  const MOUNT = '/var/run/secrets/kubernetes.io/serviceaccount'

  test("has its account's token in every container", async () => {
    const { body } = await make({ serviceAccountName: 'robot' })
    const [volume] = body.spec.volumes
    assert.match(volume.name, /^kube-api-access-[bcdfghjklmnpqrstvwxz2456789]{5}$/)
    assert.deepEqual(volume.projected, {
      sources: [
        { serviceAccountToken: { expirationSeconds: 3607, path: 'token' } },
        { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
        {
          downwardAPI: {
            items: [
              {
                path: 'namespace',
                fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' },
              },
            ],
          },
        },
      ],
      defaultMode: 420,
    })
    assert.deepEqual(body.spec.containers[0].volumeMounts, [
      { name: volume.name, readOnly: true, mountPath: MOUNT },
    ])
  })

  test('has none that it does not want', async () => {
    const off = await make({ serviceAccountName: 'robot', automountServiceAccountToken: false })
    assert.equal(off.body.spec.volumes, undefined)
    await add(`${CORE}/serviceaccounts`, {
      metadata: { name: 'shy' },
      automountServiceAccountToken: false,
      imagePullSecrets: [{ name: 'registry' }],
    })
    const shy = await make({ serviceAccountName: 'shy' })
    assert.equal(shy.body.spec.volumes, undefined)
    assert.deepEqual(shy.body.spec.imagePullSecrets, [{ name: 'registry' }])
    const asked = await make({ serviceAccountName: 'shy', automountServiceAccountToken: true })
    assert.equal(asked.body.spec.volumes.length, 1)
  })

  test('has an account that is there', async () => {
    const { code, body } = await make({ serviceAccountName: 'nobody' })
    assert.deepEqual(
      [code, body.message],
      [
        403,
        'pods "n" is forbidden: error looking up service account default/nobody: serviceaccount "nobody" not found',
      ],
    )
  })
})
