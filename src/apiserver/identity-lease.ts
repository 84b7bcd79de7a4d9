import { createHash, randomUUID } from 'node:crypto'
import type { Lease } from '#api/coordination.ts'
import { leases } from '#api/resources.ts'
import type { Log } from '#log/log.ts'
import type { StoredObjects } from './admission/admission.ts'

/** As upstream's controlplane (pkg/controlplane/apiserver/server.go): how long a server that fell silent is listed, and how often it speaks. */
const LIFETIME_S = 3600
const INTERVAL_MS = 10_000
const NAMESPACE = 'kube-system'
const IDENTITY = 'apiserver.kubernetes.io/identity'

/**
 * Says in a Lease of kube-system that this server is there, until the result is disposed, as each kube-apiserver does;
 * `kubectl get leases -n kube-system` lists them. Leases of servers that are long gone are deleted.
 */
export async function startIdentityLease(
  hostname: string,
  objects: StoredObjects,
  log: Log,
): Promise<Disposable> {
  const holder = `${identityOf(hostname)}_${randomUUID()}`
  const renew = async () => {
    await renewIdentity(hostname, holder, objects, Date.now())
    await dropOldIdentities(objects, Date.now())
  }
  await renew()
  const timer = setInterval(() => {
    renew().catch((cause) =>
      log.error('Cannot renew the lease of this server: the next turn tries again', { cause }),
    )
  }, INTERVAL_MS)
  timer.unref()
  return { [Symbol.dispose]: () => clearInterval(timer) }
}

export async function renewIdentity(
  hostname: string,
  holderIdentity: string,
  objects: StoredObjects,
  now: number,
): Promise<void> {
  const name = identityOf(hostname)
  const held = await objects.get<Lease>(leases, { namespace: NAMESPACE, name })
  const labels = { [IDENTITY]: 'kube-apiserver', 'kubernetes.io/hostname': hostname }
  const time = { leaseDurationSeconds: LIFETIME_S, renewTime: formatMicroTime(now) }
  if (!held) {
    await objects.create(leases, {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { name, namespace: NAMESPACE, labels },
      spec: { holderIdentity, ...time },
    } as Lease)
    return
  }
  const { metadata, spec } = held
  await objects.update(leases, {
    ...held,
    metadata: { ...metadata, labels: { ...metadata.labels, ...labels } },
    spec: { ...spec, ...time },
  } as Lease)
}

/** Servers that have said nothing for as long as their lease lasts. */
export async function dropOldIdentities(objects: StoredObjects, now: number): Promise<void> {
  for (const lease of await objects.list<Lease>(leases)) {
    const { metadata, spec } = lease
    if (metadata.namespace !== NAMESPACE || !metadata.labels?.[IDENTITY]) continue
    const end = Date.parse(spec?.renewTime ?? '') + (spec?.leaseDurationSeconds ?? 0) * 1000
    if (!(end > now)) await objects.delete(leases, lease)
  }
}

/** The same after each start: `apiserver-` and a hash of the host's name and what runs there, each behind its length (apiserver v0.36, server/config.go). */
export function identityOf(hostname: string): string {
  const hash = createHash('sha256')
  for (const text of [hostname, 'kube-apiserver']) {
    const bytes = Buffer.from(text)
    const length = Buffer.alloc(2)
    length.writeUInt16BE(bytes.length)
    hash.update(length).update(bytes)
  }
  return `apiserver-${encodeBase32(hash.digest().subarray(0, 16)).toLowerCase()}`
}

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'

/** RFC 4648, without padding. */
function encodeBase32(bytes: Uint8Array): string {
  const bits = Array.from(bytes, (byte) => byte.toString(2).padStart(8, '0')).join('')
  return (bits.match(/.{1,5}/g) ?? [])
    .map((group) => ALPHABET[Number.parseInt(group.padEnd(5, '0'), 2)])
    .join('')
}

const formatMicroTime = (time: number) => new Date(time).toISOString().replace(/Z$/, '000Z')
