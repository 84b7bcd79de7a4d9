import { accessSync, constants, existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Layout } from './layout.ts'
import { ensurePKI } from './pki.ts'

/** The cluster's own etcd: one member, in the control plane's network, which nobody else is in. */
export const ETCD = 'etcd'
export const ETCD_PORT = 2379
const PEER_PORT = 2380
const PROGRAMS = ['/usr/bin/etcd', '/usr/local/bin/etcd', '/usr/sbin/etcd']

/** Certificates of an authority of its own: whoever has one of the cluster's must not thereby have its store. */
export function etcdPKIDir({ pkiDir }: Layout): string {
  return join(pkiDir, 'etcd')
}

export async function ensureEtcdPKI(layout: Layout): Promise<void> {
  const dir = etcdPKIDir(layout)
  mkdirSync(dir, { recursive: true, mode: 0o700 })
  await ensurePKI(dir, {
    server: { user: 'etcd', serving: { ips: ['127.0.0.1'], dnsNames: ['localhost'] } },
    'apiserver-client': { user: 'kube-apiserver-etcd-client' },
  })
}

/** @throws Error where etcd is not installed */
export function findEtcd(name: string): string {
  const found = PROGRAMS.find(isExecutable)
  if (found) return found
  throw new Error(
    `Cannot start cluster ${name}: etcd is not installed (run \`npm run setup\`, or leave --store etcd out)`,
  )
}

function isExecutable(path: string): boolean {
  if (!existsSync(path)) return false
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** What etcd is started with. All its traffic is on the loopback of its network, and by certificate all the same. */
export function etcdArguments(layout: Layout): readonly string[] {
  const pem = (file: string) => join(etcdPKIDir(layout), file)
  const client = `https://127.0.0.1:${ETCD_PORT}`
  const peer = `https://127.0.0.1:${PEER_PORT}`
  return [
    ...['--name', layout.name, '--data-dir', layout.etcdDir],
    ...['--listen-client-urls', client, '--advertise-client-urls', client],
    ...['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer],
    ...['--initial-cluster', `${layout.name}=${peer}`],
    ...['--client-cert-auth', '--trusted-ca-file', pem('ca.crt')],
    ...['--cert-file', pem('server.crt'), '--key-file', pem('server.key')],
    ...['--peer-client-cert-auth', '--peer-trusted-ca-file', pem('ca.crt')],
    ...['--peer-cert-file', pem('server.crt'), '--peer-key-file', pem('server.key')],
    ...['--logger', 'zap', '--log-level', 'warn'],
  ]
}
