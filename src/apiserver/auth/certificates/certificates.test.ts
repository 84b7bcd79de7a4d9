import 'reflect-metadata'
import assert from 'node:assert/strict'
import { webcrypto } from 'node:crypto'
import { after, before, suite, test } from 'node:test'
import { Pkcs10CertificateRequestGenerator } from '@peculiar/x509'
import { startTestServer, type TestServer } from '../../testing/test-server.ts'

const PATH = '/apis/certificates.k8s.io/v1/certificatesigningrequests'
const CLIENT = 'kubernetes.io/kube-apiserver-client'
let server: TestServer

before(async () => {
  server = await startTestServer({ access: { authorization: 'RBAC' } })
  await add('/apis/rbac.authorization.k8s.io/v1/clusterroles', {
    metadata: { name: 'requester' },
    rules: [
      {
        verbs: ['create', 'get', 'update'],
        apiGroups: ['certificates.k8s.io'],
        resources: ['certificatesigningrequests', 'certificatesigningrequests/approval'],
      },
    ],
  })
  await add('/apis/rbac.authorization.k8s.io/v1/clusterrolebindings', {
    metadata: { name: 'requester' },
    roleRef: { kind: 'ClusterRole', name: 'requester' },
    subjects: [{ kind: 'User', name: 'bob' }],
  })
})
after(() => server[Symbol.asyncDispose]())

async function add(path: string, body: object) {
  const answer = await server.request('POST', path, { body })
  assert.equal(answer.code, 201, answer.text)
  return answer.body
}

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const
async function request(name: string): Promise<string> {
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])
  const made = await Pkcs10CertificateRequestGenerator.create({
    name,
    keys,
    signingAlgorithm: ALGORITHM,
  })
  return Buffer.from(made.toString('pem')).toString('base64')
}
const csr = async (name: string, subject: string, more: object = {}) => ({
  metadata: { name },
  spec: {
    request: await request(subject),
    signerName: CLIENT,
    usages: ['client auth'],
    ...more,
  },
})
const asBob = async () => ({ session: server.connectAs(await server.authority.sign('bob')) })
const condition = (type: string) => ({ type, status: 'True', reason: 'r', message: 'm' })

// apis/certificates/validation, registry/certificates/certificates/strategy_test.go
suite('a request for a certificate', () => {
  test('says who asks, whatever the asker says', async () => {
    const body = await csr('mine', 'CN=jane', { username: 'root', groups: ['system:masters'] })
    const answer = await server.request('POST', PATH, { ...(await asBob()), body })
    assert.equal(answer.code, 201, answer.text)
    const { username, groups } = answer.body.spec
    assert.deepEqual([username, groups], ['bob', ['system:authenticated']])
  })

  const refused = [
    {
      name: 'what is no request',
      more: { request: Buffer.from('hello').toString('base64') },
      want: /: spec.request: Invalid value: "aGVsbG8=": PEM block type must be CERTIFICATE REQUEST$/,
    },
    {
      name: 'nothing at all',
      more: { request: undefined },
      want: /: spec.request: Invalid value: null: PEM block type must be CERTIFICATE REQUEST$/,
    },
    {
      // certificates/validation v1.36, ValidateCertificateSigningRequest()
      name: 'all faults at once',
      more: { request: undefined, usages: [], signerName: '' },
      want: /: \[spec.request: Invalid value: null: PEM block type must be CERTIFICATE REQUEST, spec.usages: Required value, spec.signerName: Required value\]$/,
    },
    { name: 'no usages', more: { usages: [] }, want: /: spec.usages: Required value$/ },
    {
      name: 'an unknown usage',
      more: { usages: ['flying'] },
      want: /: spec.usages\[0\]: Unsupported value: "flying": supported values: "any", "cert sign", /,
    },
    {
      name: 'the signer of old',
      more: { signerName: 'kubernetes.io/legacy-unknown' },
      want: /the legacy signerName is not allowed via this API version$/,
    },
    {
      name: 'a signer that is none',
      more: { signerName: 'nobody' },
      want: /spec.signerName: Invalid value: "nobody": must be a fully qualified domain and path of the form "example.com\/signer-name"$/,
    },
    {
      name: 'five minutes',
      more: { expirationSeconds: 300 },
      want: /may not specify a duration less than 600 seconds \(10 minutes\)$/,
    },
  ]
  for (const { name, more, want } of refused)
    test(`is not ${name}`, async () => {
      const { code, body } = await server.request('POST', PATH, {
        body: await csr('bad', 'CN=jane', more),
      })
      assert.equal(code, 422)
      assert.match(body.message, want)
    })

  test('is refused without a spec', async () => {
    const { code, body } = await server.request('POST', PATH, {
      body: { metadata: { name: 'none' } },
    })
    assert.equal(code, 422)
    assert.match(body.message, /spec.request: Invalid value: null: PEM block type must be/)
  })

  test('makes nobody an administrator', async () => {
    const { code, body } = await server.request('POST', PATH, {
      body: await csr('root', 'O=system:masters, CN=jane'),
    })
    assert.deepEqual(
      [code, body.message],
      [
        403,
        `certificatesigningrequests.certificates.k8s.io "root" is forbidden: use of ${CLIENT} signer with system:masters group is not allowed`,
      ],
    )
  })

  test('of a node is for that node', async () => {
    const session = server.connectAs(
      await server.authority.sign('system:node:node1', ['system:nodes']),
    )
    const ask = async (name: string) =>
      server.request('POST', PATH, {
        session,
        body: await csr(name, `O=system:nodes, CN=system:node:${name}`, {
          signerName: 'kubernetes.io/kube-apiserver-client-kubelet',
        }),
      })
    assert.equal((await ask('node1')).code, 201)
    assert.match(
      (await ask('node2')).body.message,
      /can only create a node CSR with CN=system:node:node1$/,
    )
  })

  test('is approved by those who may, once, and for good', async () => {
    const made = await add(PATH, await csr('wait', 'CN=jane'))
    const approve = (type: string, more: object = {}) =>
      server.request('PUT', `${PATH}/wait/approval`, {
        body: { ...made, metadata: { name: 'wait' }, status: { conditions: [condition(type)] } },
        ...more,
      })
    const early = await approve('Approved', await asBob())
    assert.deepEqual(
      [early.code, early.body.message],
      [
        403,
        `certificatesigningrequests.certificates.k8s.io "wait" is forbidden: user not permitted to approve requests with signerName "${CLIENT}"`,
      ],
    )
    const done = await approve('Approved')
    assert.equal(done.code, 200, done.text)
    assert.match(done.body.status.conditions[0].lastUpdateTime, /Z$/)
    const back = await approve('Denied')
    assert.deepEqual(
      [back.code, back.body.message],
      [
        422,
        'CertificateSigningRequest.certificates.k8s.io "wait" is invalid: status.conditions: Forbidden: updates may not remove a condition of type "Approved"',
      ],
    )
    // The status takes no decision, and the spec stays as it was asked.
    const status = await server.request('PUT', `${PATH}/wait/status`, {
      body: {
        ...done.body,
        spec: { ...done.body.spec, signerName: 'x.io/y' },
        status: { conditions: [] },
      },
    })
    assert.deepEqual(
      [status.code, status.body.spec?.signerName, status.body.status?.conditions?.[0].type],
      [200, CLIENT, 'Approved'],
    )
  })
})
