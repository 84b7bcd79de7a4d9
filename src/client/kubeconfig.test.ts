import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { KubeconfigError, loadKubeconfig } from './kubeconfig.ts'

const base64 = (text: string) => Buffer.from(text).toString('base64')
const pem = (what: string) => `-----BEGIN ${what}-----\n`

// The shape: client-go tools/clientcmd/api/v1/types.go.
const config = (cluster: object, user: object) => ({
  apiVersion: 'v1',
  kind: 'Config',
  'current-context': 'c1',
  contexts: [
    { name: 'other', context: { cluster: 'x', user: 'x' } },
    { name: 'c1', context: { cluster: 'k', user: 'u' } },
  ],
  clusters: [{ name: 'k', cluster }],
  users: [{ name: 'u', user }],
})
const inlineCluster = {
  server: 'https://172.30.0.2:6443',
  'certificate-authority-data': base64(pem('CA')),
}
const inlineUser = {
  'client-certificate-data': base64(pem('CERT')),
  'client-key-data': base64(pem('KEY')),
}
const wanted = {
  server: 'https://172.30.0.2:6443',
  caPEM: pem('CA'),
  certPEM: pem('CERT'),
  keyPEM: pem('KEY'),
}

async function load(text: string, files: Readonly<Record<string, string>> = {}) {
  const dir = await mkdtemp(join(tmpdir(), 'kubeconfig-'))
  try {
    for (const [name, content] of Object.entries({ config: text, ...files }))
      await writeFile(join(dir, name), content)
    return await loadKubeconfig(join(dir, 'config'))
  } finally {
    await rm(dir, { recursive: true })
  }
}

suite('loadKubeconfig() reads', () => {
  test('JSON with inline data', async () => {
    assert.deepEqual(await load(JSON.stringify(config(inlineCluster, inlineUser))), wanted)
  })

  test('YAML with inline data', async () => {
    const text = `
current-context: c1
contexts: [{name: c1, context: {cluster: k, user: u}}]
clusters:
- name: k
  cluster: {server: "https://172.30.0.2:6443", certificate-authority-data: ${base64(pem('CA'))}}
users:
- name: u
  user: {client-certificate-data: ${base64(pem('CERT'))}, client-key-data: ${base64(pem('KEY'))}}
`
    assert.deepEqual(await load(text), wanted)
  })

  test('files relative to itself', async () => {
    const cluster = { server: wanted.server, 'certificate-authority': 'ca.crt' }
    const user = { 'client-certificate': 'u.crt', 'client-key': 'u.key' }
    const files = { 'ca.crt': pem('CA'), 'u.crt': pem('CERT'), 'u.key': pem('KEY') }
    assert.deepEqual(await load(JSON.stringify(config(cluster, user)), files), wanted)
  })
})

suite('loadKubeconfig() refuses', () => {
  const cases = [
    { name: 'what is no YAML', text: '{"a": [', want: /it is neither YAML nor JSON$/ },
    { name: 'an empty file', text: '', want: /it names no current-context$/ },
    {
      name: 'a context that is not there',
      text: '{"current-context":"x"}',
      want: /it has no context "x"$/,
    },
    {
      name: 'plain http',
      text: JSON.stringify(
        config({ ...inlineCluster, server: 'http://127.0.0.1:8080' }, inlineUser),
      ),
      want: /the server of cluster "k" is not an https URL$/,
    },
    {
      name: 'a cluster without authority',
      text: JSON.stringify(config({ server: wanted.server }, inlineUser)),
      want: /cluster "k" has no certificate-authority \(an unverified server is not accepted\)$/,
    },
    {
      name: 'a user with a password',
      text: JSON.stringify(config(inlineCluster, { username: 'u', password: 'p' })),
      want: /user "u" has no client-certificate \(exec plugins are not supported\)$/,
    },
    {
      name: 'data that is not PEM',
      text: JSON.stringify(
        config(inlineCluster, { ...inlineUser, 'client-key-data': base64('hello') }),
      ),
      want: /client-key-data of user "u" is not base64 of PEM text$/,
    },
    {
      name: 'lists that are none',
      text: '{"current-context":"x","contexts":{"a":1}}',
      want: /it has no context "x"$/,
    },
    {
      name: 'a file that is too large',
      text: `{"a":"${'x'.repeat(1 << 20)}"}`,
      want: /is larger than 1048576 bytes$/,
    },
  ]
  for (const { name, text, want } of cases) {
    test(name, () =>
      assert.rejects(
        load(text),
        (error) => error instanceof KubeconfigError && want.test(error.message),
      ),
    )
  }

  test('a file that is not there', () =>
    assert.rejects(loadKubeconfig('/nonexistent/config'), KubeconfigError))
})
