import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createTestAuthority } from '#apiserver/testing/certificates.ts'
import type { EtcdAccess } from '#etcd/etcd-client.ts'
import { silentLog } from '#log/log.ts'

/** Members of a real etcd on loopback, with certificates for all traffic, in a folder of their own. */
export interface TestEtcd extends AsyncDisposable {
  readonly access: EtcdAccess
  readonly pids: readonly (number | undefined)[]
  /** Ends a member as a crash would; its data stays. */
  kill(member: number): Promise<void>
  /** Starts a member that was killed. */
  start(member: number): void
  /** Stops a member without ending it, and lets it go on: its connections stay and say nothing. */
  freeze(member: number): void
  thaw(member: number): void
}

export const ETCD = ['/usr/bin/etcd', '/usr/local/bin/etcd'].find(existsSync)

export async function startTestEtcd(members = 1, flags: readonly string[] = []): Promise<TestEtcd> {
  if (!ETCD) throw new Error('Cannot start etcd: it is not installed (run `npm run setup`)')
  const folder = mkdtempSync(join(tmpdir(), 'fairlead-etcd-'))
  const authority = await createTestAuthority()
  const { certPEM, keyPEM } = await authority.sign('etcd')
  for (const [name, text] of Object.entries({ ca: authority.caPEM, cert: certPEM, key: keyPEM }))
    writeFileSync(join(folder, `${name}.pem`), text, { mode: 0o600 })
  const ports = await freePorts(2 * members)
  const client = (i: number) => `https://127.0.0.1:${ports[2 * i]}`
  const peer = (i: number) => `https://127.0.0.1:${ports[2 * i + 1]}`
  const all = Array.from({ length: members }, (_, i) => i)
  const pem = (name: string) => join(folder, `${name}.pem`)
  const argsOf = (i: number) => [
    ...['--name', `m${i}`, '--data-dir', join(folder, `m${i}`)],
    ...['--listen-client-urls', client(i), '--advertise-client-urls', client(i)],
    ...['--listen-peer-urls', peer(i), '--initial-advertise-peer-urls', peer(i)],
    ...['--initial-cluster', all.map((j) => `m${j}=${peer(j)}`).join(',')],
    ...['--client-cert-auth', '--trusted-ca-file', pem('ca')],
    ...['--cert-file', pem('cert'), '--key-file', pem('key')],
    ...['--peer-client-cert-auth', '--peer-trusted-ca-file', pem('ca')],
    ...['--peer-cert-file', pem('cert'), '--peer-key-file', pem('key')],
    ...['--logger', 'zap', '--log-level', 'error', ...flags],
  ]
  const children = new Map<number, ChildProcess>()
  const start = (i: number) => {
    mkdirSync(join(folder, `m${i}`), { recursive: true, mode: 0o700 })
    children.set(i, spawn(ETCD, argsOf(i), { stdio: 'ignore', cwd: folder }))
  }
  const kill = async (i: number) => {
    const child = children.get(i)
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, 'exit')
    child.kill('SIGKILL')
    await ended
  }
  const last = () => {
    for (const child of children.values()) child.kill('SIGKILL')
  }
  process.once('exit', last)
  for (const i of all) start(i)
  return {
    access: {
      endpoints: all.map(client),
      tls: { caPEM: authority.caPEM, certPEM, keyPEM },
      log: silentLog,
    },
    get pids() {
      return all.map((i) => children.get(i)?.pid)
    },
    kill,
    start,
    freeze: (i) => void children.get(i)?.kill('SIGSTOP'),
    thaw: (i) => void children.get(i)?.kill('SIGCONT'),
    async [Symbol.asyncDispose]() {
      await Promise.all(all.map(kill))
      process.off('exit', last)
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** Free at this moment; nothing keeps others from taking them before etcd does. */
async function freePorts(count: number): Promise<readonly number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer().listen(0, '127.0.0.1')
      await once(server, 'listening')
      return server
    }),
  )
  const ports = servers.map((server) => (server.address() as { port: number }).port)
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
  return ports
}
