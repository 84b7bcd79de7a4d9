import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { silentLog } from '#log/log.ts'
import { requireRoot } from '#testing/netns.ts'
import { createDefaultCertificate } from '../default-certificate.ts'
import { Nginx } from './nginx-process.ts'

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

// Takes root: only then are nginx's master and its workers different users.
test('workers can read neither keys nor the configuration, and nothing is left behind', async () => {
  requireRoot()
  const folder = mkdtempSync(join(tmpdir(), 'fairlead-ingress-test-'))
  chmodSync(folder, 0o755)
  const before = process.env.TMPDIR
  process.env.TMPDIR = folder
  try {
    const nginx = await Nginx.create({
      command: ['/usr/sbin/nginx'],
      defaultCertificate: await createDefaultCertificate(),
      address: '127.0.0.1',
      httpPort: await freePort(),
      httpsPort: await freePort(),
      workerUser: 'www-data',
      workers: 1,
      accessLog: '/dev/null',
      log: silentLog,
    })
    try {
      const locations = [
        { path: '/', match: 'prefix' as const, action: { kind: 'not-found' as const } },
      ]
      await nginx.apply({
        servers: [{ host: '', locations }],
        backends: [],
        certificates: [],
        findings: [],
      })
      const [name = ''] = readdirSync(folder)
      const [uid, gid] = /^www-data:[^:]*:(\d+):(\d+)/m
        .exec(readFileSync('/etc/passwd', 'utf8'))!
        .slice(1)
        .map(Number)
      const asWorker = (...argv: readonly string[]) =>
        spawnSync(argv[0]!, argv.slice(1), { uid: uid!, gid: gid!, stdio: 'ignore' }).status
      assert.equal(asWorker('test', '-w', join(folder, name, 'client_body')), 0)
      assert.notEqual(asWorker('cat', join(folder, name, 'keys', 'default.pem')), 0)
      assert.notEqual(asWorker('cat', join(folder, name, 'nginx.conf')), 0)
      assert.notEqual(asWorker('ls', join(folder, name)), 0)
    } finally {
      await nginx[Symbol.asyncDispose]()
    }
    assert.deepEqual(readdirSync(folder), [])
    assert.equal(nginx.isRunning, false)
  } finally {
    if (before === undefined) delete process.env.TMPDIR
    else process.env.TMPDIR = before
    rmSync(folder, { recursive: true, force: true })
  }
})
