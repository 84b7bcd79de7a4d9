import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { Container, Pod } from '#api/core.ts'
import { ContainerConfigError, envForPod } from './env-for-pod.ts'
import { expand } from './expand.ts'

const pod: Pod = {
  metadata: {
    name: 'web',
    namespace: 'shop',
    uid: 'u1',
    labels: { app: 'web' },
    annotations: { 'a/b': 'c' },
  },
  spec: { containers: [], nodeName: 'node1', serviceAccountName: 'default' },
}
const services = [
  {
    metadata: { name: 'db', namespace: 'shop' },
    spec: { clusterIP: '10.96.0.20', ports: [{ port: 5432 }] },
  },
]
const references = {
  configMap: (name: string) =>
    name === 'settings'
      ? { metadata: { name }, data: { colour: 'blue', DB_SERVICE_HOST: 'mine', 'bad=key': 'x' } }
      : undefined,
  secret: (name: string) =>
    name === 'token' ? { metadata: { name }, data: { key: 'czNjcmV0' } } : undefined, // printf s3cret | base64
}
const envOf = (container: Partial<Container>) =>
  Object.fromEntries(
    envForPod(
      { name: 'c', ...container },
      {
        pod,
        podIPs: ['10.244.1.7', 'fd00:10:244::7'],
        hostIPs: ['172.30.0.11', 'fd00:172:30::11'],
      },
      services,
      references,
    ).map(({ name, value }) => [name, value]),
  )
const field = (fieldPath: string) => ({ name: 'X', valueFrom: { fieldRef: { fieldPath } } })

// Rules: facts/dns.md 3 (precedence and expansion); field paths: the downward API's documentation.
suite('envForPod()', () => {
  const cases: readonly {
    name: string
    container: Partial<Container>
    want: Readonly<Record<string, string | undefined>>
  }[] = [
    {
      name: 'adds services last',
      container: {},
      want: { DB_SERVICE_HOST: '10.96.0.20', DB_PORT: 'tcp://10.96.0.20:5432' },
    },
    {
      name: 'lets env win over services',
      container: { env: [{ name: 'DB_SERVICE_HOST', value: 'x' }] },
      want: { DB_SERVICE_HOST: 'x' },
    },
    {
      name: 'lets envFrom win over services, and env over envFrom',
      container: {
        envFrom: [{ configMapRef: { name: 'settings' } }],
        env: [{ name: 'colour', value: 'red' }],
      },
      want: { DB_SERVICE_HOST: 'mine', colour: 'red' },
    },
    {
      name: 'leaves out names with =',
      container: { envFrom: [{ configMapRef: { name: 'settings' } }] },
      want: { 'bad=key': undefined },
    },
    {
      name: 'prefixes names',
      container: { envFrom: [{ prefix: 'P_', secretRef: { name: 'token' } }] },
      want: { P_key: 's3cret' },
    },
    {
      name: 'expands what came before, and services',
      container: {
        env: [
          { name: 'A', value: '1' },
          { name: 'B', value: '$(A)-$(DB_SERVICE_PORT)-$(LATER)-$$(A)' },
          { name: 'LATER', value: 'x' },
        ],
      },
      want: { B: '1-5432-$(LATER)-$(A)' },
    },
    {
      name: 'reads a secret',
      container: {
        env: [{ name: 'X', valueFrom: { secretKeyRef: { name: 'token', key: 'key' } } }],
      },
      want: { X: 's3cret' },
    },
    {
      name: 'leaves out what is optional and not there',
      container: {
        env: [
          { name: 'X', valueFrom: { configMapKeyRef: { name: 'none', key: 'k', optional: true } } },
        ],
        envFrom: [{ secretRef: { name: 'none', optional: true } }],
      },
      want: { X: undefined },
    },
    { name: 'metadata.name', container: { env: [field('metadata.name')] }, want: { X: 'web' } },
    {
      name: "metadata.labels['app']",
      container: { env: [field("metadata.labels['app']")] },
      want: { X: 'web' },
    },
    {
      name: "metadata.annotations['a/b']",
      container: { env: [field("metadata.annotations['a/b']")] },
      want: { X: 'c' },
    },
    { name: 'spec.nodeName', container: { env: [field('spec.nodeName')] }, want: { X: 'node1' } },
    {
      name: 'status.podIP',
      container: { env: [field('status.podIP')] },
      want: { X: '10.244.1.7' },
    },
    {
      name: 'status.podIPs',
      container: { env: [field('status.podIPs')] },
      want: { X: '10.244.1.7,fd00:10:244::7' },
    },
    {
      name: 'status.hostIPs',
      container: { env: [field('status.hostIPs')] },
      want: { X: '172.30.0.11,fd00:172:30::11' },
    },
    {
      name: 'status.hostIP',
      container: { env: [field('status.hostIP')] },
      want: { X: '172.30.0.11' },
    },
  ]
  for (const { name, container, want } of cases) {
    test(name, () => {
      const env = envOf(container)
      for (const [key, value] of Object.entries(want)) assert.equal(env[key], value)
    })
  }

  // Texts: kubernetes pkg/kubelet/kubelet_pods.go.
  const refusals: readonly { name: string; container: Partial<Container>; message: string }[] = [
    {
      name: 'no ConfigMap',
      container: {
        env: [{ name: 'X', valueFrom: { configMapKeyRef: { name: 'none', key: 'k' } } }],
      },
      message: 'configmap "none" not found',
    },
    {
      name: 'no key',
      container: {
        env: [{ name: 'X', valueFrom: { configMapKeyRef: { name: 'settings', key: 'k' } } }],
      },
      message: "couldn't find key k in ConfigMap shop/settings",
    },
    {
      name: 'no Secret',
      container: { envFrom: [{ secretRef: { name: 'none' } }] },
      message: 'secret "none" not found',
    },
    {
      name: 'no key in Secret',
      container: { env: [{ name: 'X', valueFrom: { secretKeyRef: { name: 'token', key: 'k' } } }] },
      message: "couldn't find key k in Secret shop/token",
    },
  ]
  for (const { name, container, message } of refusals)
    test(`refuses: ${name}`, () =>
      assert.throws(
        () => envOf(container),
        (error) => error instanceof ContainerConfigError && error.message === message,
      ))
})

// The cases of the Kubernetes documentation on dependent environment variables, and of third_party/forked/golang/expansion.
suite('expand()', () => {
  const cases = [
    { text: '$(A)', want: '1' },
    { text: '$(A)$(A)', want: '11' },
    { text: '$$(A)', want: '$(A)' },
    { text: '$$$(A)', want: '$1' },
    { text: '$(NONE)', want: '$(NONE)' },
    { text: '$A', want: '$A' },
    { text: '$(', want: '$(' },
    { text: '$(A', want: '$(A' },
    { text: 'x$', want: 'x$' },
    { text: '$$', want: '$' },
  ]
  for (const { text, want } of cases)
    test(text, () =>
      assert.equal(
        expand(text, (name) => (name === 'A' ? '1' : undefined)),
        want,
      ),
    )
})
