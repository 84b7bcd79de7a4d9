import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, suite, test } from 'node:test'
import { parse } from 'yaml'
import { startTimeOf } from '#kernel/process/process.ts'
import { mergeKubeconfig, removeFromKubeconfig, userKubeconfigPath } from './kubeconfig.ts'

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

  test('keeps the namespace that was chosen with kubectl', async () => {
    await mergeKubeconfig(path, entry)
    // kubectl config set-context --current --namespace=shop
    const chosen = readFileSync(path, 'utf8').replace(
      'cluster: fairlead-c1',
      'cluster: fairlead-c1\n      namespace: shop',
    )
    writeFileSync(path, chosen)
    await mergeKubeconfig(path, { ...entry, server: 'https://127.0.0.1:6444' })
    const config = parse(readFileSync(path, 'utf8'))
    assert.deepEqual(config.contexts, [
      {
        name: 'fairlead-c1',
        context: { cluster: 'fairlead-c1', user: 'fairlead-c1', namespace: 'shop' },
      },
    ])
    assert.equal(config.clusters[0].cluster.server, 'https://127.0.0.1:6444')
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

  test('keeps its comments, quotes, mode and symbolic link, as it was after all', async () => {
    const file = join(folder, 'dotfiles')
    path = join(folder, 'config')
    const text =
      '# mine\nclusters:\n  - name: work # office\n    cluster:\n      server: "on"\ncontexts: []\nusers: []\ncurrent-context: work\n'
    writeFileSync(file, text)
    chmodSync(file, 0o640)
    symlinkSync('dotfiles', path)
    await mergeKubeconfig(path, { ...entry, context: 'other' })
    await mergeKubeconfig(path, entry)
    assert.match(readFileSync(file, 'utf8'), /^# mine\nclusters:\n {2}- name: work # office\n/)
    await removeFromKubeconfig(path, 'fairlead-c1')
    await removeFromKubeconfig(path, 'other')
    assert.match(readFileSync(file, 'utf8'), /server: "on"/)
    assert.equal(statSync(file).mode & 0o777, 0o640)
    assert.ok(lstatSync(path).isSymbolicLink())
    assert.deepEqual(readdirSync(folder).sort(), ['config', 'dotfiles'])
  })

  test("waits for kubectl's lock, and breaks one that a killed fairlead left", async () => {
    path = join(folder, 'config')
    symlinkSync('fairlead-1-0', `${path}.lock`) // Process 1 started at another time.
    await mergeKubeconfig(path, entry)
    assert.ok(!existsSync(`${path}.lock`))
    writeFileSync(`${path}.lock`, '') // As kubectl makes it: `kubectl config` says "file exists".
    const merged = mergeKubeconfig(path, { ...entry, context: 'later' })
    rmSync(`${path}.lock`)
    await merged
    assert.equal(parse(readFileSync(path, 'utf8'))['current-context'], 'later')
  })

  test('breaks the lock of one that is killed and that nobody has reaped', async () => {
    path = join(folder, 'config')
    const { pid = 0 } = spawn('sleep', ['60'])
    symlinkSync(`fairlead-${pid}-${startTimeOf(pid)}`, `${path}.lock`)
    process.kill(pid, 'SIGKILL')
    // Reaped in a later turn of this event loop, which the steps of mergeKubeconfig() up to its lock do not wait for.
    const isZombie = () => /^State:\tZ/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
    while (!isZombie());
    const merged = mergeKubeconfig(path, entry)
    assert.ok(isZombie())
    assert.ok(!readlinkSync(`${path}.lock`).startsWith(`fairlead-${pid}-`))
    await merged
    assert.ok(!existsSync(`${path}.lock`))
  })

  test('is written over where a crash left half of it', async () => {
    path = join(folder, 'config')
    writeFileSync(`${path}.fairlead-new`, 'half')
    await mergeKubeconfig(path, entry)
    assert.deepEqual(readdirSync(folder), ['config'])
    assert.equal(statSync(path).mode & 0o777, 0o600)
  })

  test('is the one that kubectl writes to', () => {
    const there = join(folder, 'there')
    writeFileSync(there, '')
    const pathOf = (kubeconfig?: string) =>
      userKubeconfigPath({ HOME: '/home/me', ...(kubeconfig && { KUBECONFIG: kubeconfig }) })
    // Seen with `kubectl config set-context x` of kubectl 1.32 and files a, b: only b was made.
    assert.equal(pathOf('/no/a:/no/b'), '/no/b')
    assert.equal(pathOf(`/no/a:${there}:/no/b`), there)
    assert.equal(pathOf(':/no/a'), '/no/a')
    assert.equal(pathOf(), '/home/me/.kube/config')
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
