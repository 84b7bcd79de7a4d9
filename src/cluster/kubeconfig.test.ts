import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, suite, test } from 'node:test'
import { parse } from 'yaml'
import { mergeKubeconfig, removeFromKubeconfig } from './kubeconfig.ts'

const entry = {
  context: 'fairlead-c1',
  server: 'https://127.0.0.1:6443',
  caPEM: 'CA',
  keyPair: { certPEM: 'CERT', keyPEM: 'KEY' },
}
const OTHERS = `apiVersion: v1
kind: Config
current-context: work
clusters:
- {name: work, cluster: {server: "https://work.example"}}
contexts:
- {name: work, context: {cluster: work, user: me, namespace: mine}}
users:
- {name: me, user: {token: secret}}
preferences: {colors: true}
`

suite("A person's kubeconfig", () => {
  let folder: string
  let path: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'fairlead-kubeconfig-'))
    path = join(folder, 'deep/config')
  })
  afterEach(() => rmSync(folder, { recursive: true, force: true }))

  test('is made where there is none', async () => {
    await mergeKubeconfig(path, entry)
    const config = parse(readFileSync(path, 'utf8'))
    assert.equal(config['current-context'], 'fairlead-c1')
    assert.equal(
      config.clusters[0].cluster['certificate-authority-data'],
      Buffer.from('CA').toString('base64'),
    )
  })

  test('keeps everything else, and loses only ours again', async () => {
    path = join(folder, 'config')
    writeFileSync(path, OTHERS)
    await mergeKubeconfig(path, entry)
    await mergeKubeconfig(path, entry)
    const merged = parse(readFileSync(path, 'utf8'))
    assert.deepEqual(
      merged.contexts.map(({ name }: { name: string }) => name),
      ['work', 'fairlead-c1'],
    )
    await removeFromKubeconfig(path, 'fairlead-c1')
    const left = parse(readFileSync(path, 'utf8'))
    assert.deepEqual({ ...left, 'current-context': 'work' }, parse(OTHERS))
    assert.equal(left['current-context'], '')
  })

  for (const text of ['{', 'just text', 'contexts: 7']) {
    test(`that is none (${JSON.stringify(text)}) is refused and left alone`, async () => {
      path = join(folder, 'config')
      writeFileSync(path, text)
      await assert.rejects(mergeKubeconfig(path, entry), /Cannot read kubeconfig/)
      assert.equal(readFileSync(path, 'utf8'), text)
    })
  }
})
