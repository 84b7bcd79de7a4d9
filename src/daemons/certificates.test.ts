import 'reflect-metadata'
import assert from 'node:assert/strict'
import { webcrypto, X509Certificate } from 'node:crypto'
import { after, before, suite, test } from 'node:test'
import { Pkcs10CertificateRequestGenerator } from '@peculiar/x509'
import type { CertificateSigningRequest } from '#api/certificates.ts'
import * as resources from '#api/resources.ts'
import { startTestServer, type TestServer } from '#apiserver/testing/test-server.ts'
import type { API } from '#client/api.ts'
import { runController } from '#client/controller.ts'
import { createInformer } from '#client/create-informer.ts'
import { createAPI } from '#client/http-api.ts'
import { createAuthority } from '#cluster/certificate-authority.ts'
import { readRequest } from '#cluster/read-request.ts'
import { signRequest } from '#cluster/sign-request.ts'
import { silentLog } from '#log/log.ts'
import { certificateApprovingController } from '#workloads/certificates/approving-controller.ts'
import { certificateController } from '#workloads/certificates/signing-controller.ts'

const KUBELET_CLIENT = 'kubernetes.io/kube-apiserver-client-kubelet'
const CONTROLLER = 'system:serviceaccount:kube-system:certificate-controller'
const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const

let server: TestServer
let admin: API
let caPEM: string
const abort = new AbortController()
const running: Promise<void>[] = []
const clients = new AsyncDisposableStack()

async function connectAs(user: string, groups: readonly string[] = []): Promise<API> {
  const identity = await server.authority.sign(user, groups)
  const access = { server: server.url, caPEM: server.authority.caPEM, ...identity }
  return clients.use(createAPI(access))
}

/** As kubeadm binds them: https://kubernetes.io/docs/reference/access-authn-authz/kubelet-tls-bootstrapping/ */
async function bind(group: string, role: string): Promise<void> {
  await admin.create(resources.clusterRoleBindings, {
    metadata: { name: `${group}-${role}` },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role },
    subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'Group', name: group }],
  })
}

before(async () => {
  server = await startTestServer({ access: { authorization: 'RBAC' } })
  admin = await connectAs('kubernetes-admin', ['system:masters'])
  const prefix = 'system:certificates.k8s.io:certificatesigningrequests'
  await bind('system:bootstrappers', `${prefix}:nodeclient`)
  await bind('system:nodes', `${prefix}:selfnodeclient`)
  await bind('system:bootstrappers', 'system:node-bootstrapper')
  await bind('system:authenticated', 'system:node-bootstrapper')
  const api = await connectAs(CONTROLLER)
  const requests = createInformer(api, resources.certificateSigningRequests, abort.signal)
  const { keyPair } = await createAuthority(undefined)
  caPEM = keyPair.certPEM
  for (const controller of [
    certificateApprovingController({ api, requests, read: async (pem) => readRequest(pem) }),
    certificateController({ api, requests }, (wish) => signRequest(wish, keyPair)),
  ])
    running.push(runController(controller, silentLog, abort.signal))
})
after(async () => {
  abort.abort()
  await Promise.all(running)
  await clients.disposeAsync()
  await server[Symbol.asyncDispose]()
})

interface Wish {
  readonly name: string
  readonly subject?: string
  readonly signerName?: string
  readonly usages?: readonly string[]
  readonly seconds?: number
}

async function ask(api: API, wish: Wish): Promise<void> {
  const { name, subject = 'O=system:nodes, CN=system:node:node1' } = wish
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])
  const made = await Pkcs10CertificateRequestGenerator.create({
    name: subject,
    keys,
    signingAlgorithm: ALGORITHM,
  })
  await api.create<CertificateSigningRequest>(resources.certificateSigningRequests, {
    metadata: { name },
    spec: {
      request: Buffer.from(made.toString('pem')).toString('base64'),
      signerName: wish.signerName ?? KUBELET_CLIENT,
      usages: wish.usages ?? ['digital signature', 'client auth'],
      ...(wish.seconds ? { expirationSeconds: wish.seconds } : {}),
    },
  })
}

async function until(
  name: string,
  isSo: (request: CertificateSigningRequest) => boolean,
): Promise<CertificateSigningRequest> {
  for (const deadline = performance.now() + 60_000; ; ) {
    const found = await admin.get(resources.certificateSigningRequests, { name })
    if (found && isSo(found)) return found
    assert.ok(performance.now() < deadline, `not so after 60 s: ${JSON.stringify(found?.status)}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}
const signed = (name: string) => until(name, ({ status }) => status?.certificate !== undefined)

async function approve(name: string): Promise<void> {
  const request = await admin.get(resources.certificateSigningRequests, { name })
  assert.ok(request)
  const condition = { type: 'Approved', status: 'True' as const, reason: 'ByHand', message: '' }
  const status = { ...request.status, conditions: [condition] }
  await admin.update(resources.certificateSigningRequests, { ...request, status }, 'approval')
}

// Source: kubernetes pkg/controller/certificates/approver/sarapprove.go and signer/signer.go.
suite('the certificate controllers', () => {
  const approved = [
    {
      name: 'a joining node',
      user: 'system:bootstrap:abcdef',
      groups: ['system:bootstrappers'],
      message: 'Auto approving kubelet client certificate after SubjectAccessReview.',
    },
    {
      name: 'a node that renews its own',
      user: 'system:node:node1',
      groups: ['system:nodes'],
      message: 'Auto approving self kubelet client certificate after SubjectAccessReview.',
    },
  ]
  for (const { name, user, groups, message } of approved)
    test(`approve and sign the certificate of ${name}`, async () => {
      const request = name.replaceAll(' ', '-')
      await ask(await connectAs(user, groups), { name: request })
      const { status } = await signed(request)
      const [condition] = status?.conditions ?? []
      assert.deepEqual(
        [condition?.type, condition?.status, condition?.reason, condition?.message],
        ['Approved', 'True', 'AutoApproved', message],
      )
      const certificate = new X509Certificate(Buffer.from(status?.certificate ?? '', 'base64'))
      assert.equal(certificate.subject, 'O=system:nodes\nCN=system:node:node1')
      assert.ok(certificate.verify(new X509Certificate(caPEM).publicKey))
      assert.deepEqual(certificate.keyUsage, ['1.3.6.1.5.5.7.3.2']) // id-kp-clientAuth, RFC 5280
    })

  const left = [
    { name: 'somebody-no-role-lets', user: 'jane', groups: [] },
    {
      name: 'what-no-kubelet-asks-for',
      user: 'system:bootstrap:abcdef',
      groups: ['system:bootstrappers'],
      usages: ['digital signature', 'client auth', 'server auth'],
    },
    {
      name: 'another-signer',
      user: 'system:bootstrap:abcdef',
      groups: ['system:bootstrappers'],
      signerName: 'kubernetes.io/kube-apiserver-client',
    },
  ]
  test('leave the others to people', async () => {
    for (const { user, groups, ...wish } of left) await ask(await connectAs(user, groups), wish)
    // Asked for later, decided earlier: the queue has been through the others.
    const joining = await connectAs('system:bootstrap:abcdef', ['system:bootstrappers'])
    await ask(joining, { name: 'later' })
    await signed('later')
    for (const { name } of left) {
      const found = await admin.get(resources.certificateSigningRequests, { name })
      assert.deepEqual([name, found?.status?.conditions ?? []], [name, []])
    }
  })

  test('say why they do not sign what somebody approved', async () => {
    await ask(await connectAs('jane'), { name: 'wrong', usages: ['client auth', 'server auth'] })
    await approve('wrong')
    const { status } = await until('wrong', (found) =>
      (found.status?.conditions ?? []).some(({ type }) => type === 'Failed'),
    )
    const failed = status?.conditions?.find(({ type }) => type === 'Failed')
    assert.deepEqual(
      [failed?.reason, failed?.message, status?.certificate],
      [
        'SignerValidationFailure',
        'usages did not match [client auth digital signature key encipherment]',
        undefined,
      ],
    )
  })

  const lives = [
    { name: 'of an hour is an hour from now', seconds: 3_600, want: 3_600 },
    { name: 'of a day begins and ends five minutes earlier', seconds: 86_400, want: 86_100 },
    { name: 'of ten years is one', seconds: 315_360_000, want: 365 * 86_400 - 300 },
  ]
  for (const { name, seconds, want } of lives)
    test(`give a life that, asked ${name}`, async () => {
      const request = `life-${seconds}`
      const began = Date.now()
      await ask(await connectAs('system:node:node1', ['system:nodes']), { name: request, seconds })
      const { status } = await signed(request)
      const certificate = new X509Certificate(Buffer.from(status?.certificate ?? '', 'base64'))
      const lasts = (certificate.validToDate.getTime() - began) / 1000
      assert.ok(Math.abs(lasts - want) < 60, `${lasts} s`)
      assert.ok(certificate.validFromDate.getTime() < began - 290_000)
    })
})
