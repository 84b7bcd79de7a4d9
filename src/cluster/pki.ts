import { generateKeyPairSync } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { AddressPlan } from './address-plan.ts'
import { writeFileAtomic } from './atomic-file.ts'

/** A certificate to be signed by the cluster's CA: who it names (CN, O), and where it may serve (`serving`, IPs and DNS names). */
export interface Identity {
  readonly user: string
  readonly groups?: readonly string[]
  readonly serving?: { readonly ips: readonly string[]; readonly dnsNames: readonly string[] }
}

export interface KeyPair {
  readonly certPEM: string
  readonly keyPEM: string
}

/** Every identity of a cluster, by the name of its files. Each component has its own; none shares the administrator's. */
export function planIdentities(plan: AddressPlan): Readonly<Record<string, Identity>> {
  return {
    admin: { user: 'kubernetes-admin', groups: ['system:masters'] },
    apiserver: {
      user: 'kube-apiserver',
      serving: {
        ips: ['127.0.0.1', ...plan.controlPlane, plan.kubernetesService],
        dnsNames: [
          'localhost',
          'kubernetes',
          'kubernetes.default',
          'kubernetes.default.svc',
          'kubernetes.default.svc.cluster.local',
        ],
      },
    },
    'apiserver-agent-client': { user: 'kube-apiserver-kubelet-client' },
    scheduler: { user: 'system:kube-scheduler' },
    'controller-manager': { user: 'system:kube-controller-manager' },
    dns: { user: 'system:fairlead:dns' },
    ingress: { user: 'system:fairlead:ingress' },
    // What a node's agent does not need to know is left to its network.
    ...Object.fromEntries(
      plan.nodes.map(({ name }): [string, Identity] => [
        networkIdentity(name),
        { user: `system:fairlead:node-network:${name}`, groups: ['system:fairlead:node-network'] },
      ]),
    ),
    ...Object.fromEntries(
      plan.nodes.map(({ name, ips }): [string, Identity] => [
        name,
        {
          user: `system:node:${name}`,
          groups: ['system:nodes'],
          serving: { ips, dnsNames: [name] },
        },
      ]),
    ),
  }
}

/** The identity of a node's pod network, proxy and announcer. */
export const networkIdentity = (node: string) => `network-${node}`

const TOKEN_KEY = 'sa.key'

/** Makes the key that signs the tokens of accounts, once: a new one would take all of them back. */
function ensureTokenKey(dir: string): void {
  const path = join(dir, TOKEN_KEY)
  if (existsSync(path)) return
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  writeFileAtomic(path, privateKey.export({ type: 'pkcs8', format: 'pem' }).toString())
}

export const readTokenKey = (dir: string) => readFileSync(join(dir, TOKEN_KEY), 'utf8')

/** Makes the CA and the certificates that are missing, as PEM files `<dir>/<name>.crt` and `.key` (0600). */
export async function ensurePKI(
  dir: string,
  identities: Readonly<Record<string, Identity>>,
): Promise<void> {
  ensureTokenKey(dir)
  const hasCA = hasKeyPair(dir, 'ca')
  // What another CA signed is worth nothing.
  const missing = Object.entries(identities).filter(([name]) => !hasCA || !hasKeyPair(dir, name))
  if (missing.length === 0) return
  const { createAuthority } = await import('./certificate-authority.ts')
  const authority = await createAuthority(hasCA ? readKeyPair(dir, 'ca') : undefined)
  const signed = await Promise.all(
    missing.map(async ([name, identity]) => [name, await authority.sign(identity)] as const),
  )
  for (const [name, keyPair] of signed) writeKeyPair(dir, name, keyPair)
  // Last: where it is missing all is made anew, however this was cut short.
  if (!hasCA) writeKeyPair(dir, 'ca', authority.keyPair)
}

export function readKeyPair(dir: string, name: string): KeyPair {
  const [certPEM, keyPEM] = ['crt', 'key'].map((ending) =>
    readFileSync(join(dir, `${name}.${ending}`), 'utf8'),
  )
  return { certPEM: certPEM!, keyPEM: keyPEM! }
}

export function readCA(dir: string): string {
  return readFileSync(join(dir, 'ca.crt'), 'utf8')
}

function hasKeyPair(dir: string, name: string): boolean {
  return ['crt', 'key'].every((ending) => existsSync(join(dir, `${name}.${ending}`)))
}

function writeKeyPair(dir: string, name: string, { certPEM, keyPEM }: KeyPair): void {
  writeFileAtomic(join(dir, `${name}.key`), keyPEM)
  writeFileAtomic(join(dir, `${name}.crt`), certPEM)
}
