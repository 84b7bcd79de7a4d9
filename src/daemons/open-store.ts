import { readFileSync } from 'node:fs'
import { Socket } from 'node:net'
import type { EtcdStoreOptions } from '#apiserver/storage/etcd/etcd-store.ts'
import type { Store } from '#apiserver/storage/store.ts'
import { claimStore, hasClaimedStore } from '#cluster/clear-store.ts'
import { ETCD_PORT, etcdPKIDir } from '#cluster/etcd.ts'
import type { Layout } from '#cluster/layout.ts'
import { readCA, readKeyPair } from '#cluster/pki.ts'
import type { ClusterState } from '#cluster/state-file.ts'
import { planStore, type StorePlan } from '#cluster/store-options.ts'
import type { Netns } from '#kernel/netns/netns.ts'
import { openSocket } from '#kernel/socket/open-socket.ts'
import type { Log } from '#log/log.ts'

/**
 * Opens what the cluster's state is kept in. A cluster that is just being made takes only an empty place.
 *
 * @param host Where an etcd that was there before the cluster is reached from: the caller's own network
 * @throws Error
 */
export async function openStore(
  layout: Layout,
  { options, phase }: ClusterState,
  host: Netns,
  log: Log,
): Promise<Store> {
  const plan = planStore(options)
  if (plan.kind === 'sqlite') {
    const { createSQLiteStore } = await import('#apiserver/storage/sqlite/sqlite-store.ts')
    const synchronous = plan.durability === 'full' ? 'FULL' : 'NORMAL'
    return createSQLiteStore(layout.database, { synchronous })
  }
  const { openEtcdStore } = await import('#apiserver/storage/etcd/etcd-store.ts')
  if (plan.kind === 'own etcd') return openEtcdStore(ownEtcd(layout, plan, log))
  // The control plane's own network leads to the nodes only.
  const openHostSocket = (address: string, port: number) =>
    new Socket({ fd: openSocket(host, 'tcp', address.includes(':') ? 6 : 4) }).connect(
      port,
      address,
    )
  const store = await openEtcdStore({ ...givenEtcd(plan, log), openSocket: openHostSocket })
  if (phase === 'starting' && !hasClaimedStore(layout)) await claim(layout, plan, store)
  return store
}

async function claim(layout: Layout, { prefix }: GivenEtcd, store: Store): Promise<void> {
  const { items } = await store.list('/', { limit: 1 })
  if (items.length === 0) {
    claimStore(layout)
    return
  }
  await store.close()
  throw new Error(
    `Cannot use etcd: below ${prefix} there are objects of another cluster (choose another --etcd-prefix, or delete them)`,
  )
}

type OwnEtcd = Extract<StorePlan, { readonly kind: 'own etcd' }>
type GivenEtcd = Extract<StorePlan, { readonly kind: 'given etcd' }>

function ownEtcd(layout: Layout, { prefix }: OwnEtcd, log: Log): EtcdStoreOptions {
  const pki = etcdPKIDir(layout)
  const tls = { caPEM: readCA(pki), ...readKeyPair(pki, 'apiserver-client') }
  return { endpoints: [`https://127.0.0.1:${ETCD_PORT}`], tls, prefix, log }
}

/** How an etcd is reached that was there before the cluster, from a process that sees it. */
export function givenEtcd(
  { servers, prefix, caFile, certFile, keyFile }: GivenEtcd,
  log: Log,
): EtcdStoreOptions {
  const read = (path: string | undefined) =>
    path === undefined ? undefined : readFileSync(path, 'utf8')
  const isEncrypted = servers.some((url) => url.startsWith('https:'))
  const tls = { caPEM: read(caFile), certPEM: read(certFile), keyPEM: read(keyFile) }
  return { endpoints: servers, ...(isEncrypted && { tls }), prefix, log }
}
