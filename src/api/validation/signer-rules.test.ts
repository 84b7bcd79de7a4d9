import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import {
  type CertificateRequestContent,
  CLIENT_SIGNER,
  KUBELET_CLIENT_SIGNER,
  KUBELET_SERVING_SIGNER,
  signerRefusal,
} from './signer-rules.ts'

const content: CertificateRequestContent = {
  commonName: 'system:node:node1',
  organizations: ['system:nodes'],
  dnsNames: [],
  ipAddresses: [],
  emailAddresses: [],
  uris: [],
}
const usagesFor = (purpose: string) => ['digital signature', 'key encipherment', purpose]

interface Case {
  readonly name: string
  readonly more?: Partial<CertificateRequestContent>
  readonly usages?: readonly string[]
  readonly want: string | undefined
}

const common: readonly Case[] = [
  {
    name: 'another organization',
    more: { organizations: ['not-system:nodes'] },
    want: 'subject organization is not system:nodes',
  },
  {
    name: 'one organization more',
    more: { organizations: ['system:nodes', 'system:masters'] },
    want: 'subject organization is not system:nodes',
  },
  { name: 'none', more: { organizations: [] }, want: 'subject organization is not system:nodes' },
  {
    name: 'a name that is not a node',
    more: { commonName: 'notprefixed' },
    want: 'subject common name does not begin with system:node:',
  },
  {
    name: 'an email address',
    more: { emailAddresses: ['a@example.com'] },
    want: 'Email subjectAltNames are not allowed',
  },
  {
    name: 'a URI',
    more: { uris: ['spiffe://node'] },
    want: 'URI subjectAltNames are not allowed',
  },
]

// Source: kubernetes pkg/apis/certificates/v1/helpers.go, with the cases of helpers_test.go.
suite('signerRefusal() of kubelet-serving', () => {
  const wrong = 'usages did not match [digital signature key encipherment server auth]'
  const cases: readonly Case[] = [
    ...common,
    { name: 'what a kubelet asks for', want: undefined },
    {
      name: 'a key without encipherment',
      usages: ['digital signature', 'server auth'],
      want: undefined,
    },
    {
      name: 'an address alone',
      more: { dnsNames: [], ipAddresses: ['10.0.0.1'] },
      want: undefined,
    },
    { name: 'no name', more: { dnsNames: [] }, want: 'DNS or IP subjectAltName is required' },
    { name: 'no purpose', usages: ['digital signature', 'key encipherment'], want: wrong },
    { name: 'one usage more', usages: [...usagesFor('server auth'), 'client auth'], want: wrong },
    { name: 'no signature', usages: ['key encipherment', 'server auth'], want: wrong },
  ]
  for (const { name, more, usages = usagesFor('server auth'), want } of cases)
    test(name, () => {
      const whole = { ...content, dnsNames: ['node1'], ...more }
      assert.equal(signerRefusal(KUBELET_SERVING_SIGNER, whole, usages), want)
    })
})

suite('signerRefusal() of kube-apiserver-client-kubelet', () => {
  const wrong = 'usages did not match [client auth digital signature key encipherment]'
  const cases: readonly Case[] = [
    ...common,
    { name: 'what a kubelet asks for', want: undefined },
    {
      name: 'a key without encipherment',
      usages: ['digital signature', 'client auth'],
      want: undefined,
    },
    {
      name: 'a DNS name',
      more: { dnsNames: ['node1'] },
      want: 'DNS subjectAltNames are not allowed',
    },
    {
      name: 'an address',
      more: { ipAddresses: ['10.0.0.1'] },
      want: 'IP subjectAltNames are not allowed',
    },
    { name: 'to serve', usages: usagesFor('server auth'), want: wrong },
    { name: 'one usage more', usages: [...usagesFor('client auth'), 'server auth'], want: wrong },
  ]
  for (const { name, more, usages = usagesFor('client auth'), want } of cases)
    test(name, () => {
      assert.equal(signerRefusal(KUBELET_CLIENT_SIGNER, { ...content, ...more }, usages), want)
    })
})

// Source: kubernetes pkg/controller/certificates/signer/signer.go validAPIServerClientUsages().
suite('signerRefusal() of kube-apiserver-client', () => {
  const cases: readonly Case[] = [
    { name: 'its purpose alone', usages: ['client auth'], want: undefined },
    { name: 'all that it may', usages: usagesFor('client auth'), want: undefined },
    {
      name: 'to serve',
      usages: ['client auth', 'server auth'],
      want: 'invalid usage for client certificate: server auth',
    },
    {
      name: 'for nothing',
      usages: ['digital signature'],
      want: 'missing required usage for client certificate: client auth',
    },
  ]
  for (const { name, usages = [], want } of cases)
    test(name, () => assert.equal(signerRefusal(CLIENT_SIGNER, content, usages), want))
})
