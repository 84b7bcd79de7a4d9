import type { Store } from './storage/store.ts'

/** As upstream's lease reconciler (pkg/controlplane/reconcilers/lease.go): its TTL, three turns of half as much. */
const LIFETIME_MS = 15_000
const PREFIX = '/masterleases/'

interface PeerLease {
  /** Milliseconds since 1970. */
  readonly renewTime: number
}

/**
 * Says that a server over this store listens on these addresses, for 15 seconds, and forgets servers that said so
 * longer ago.
 *
 * @returns The addresses of all servers that are there, sorted.
 */
export async function renewPeerLeases(
  store: Store,
  addresses: readonly string[],
  now: number = Date.now(),
): Promise<string[]> {
  for (const address of addresses) await renew(store, address, now)
  const { items } = await store.list(PREFIX)
  const live = await Promise.all(
    items.map(async ({ key, value, modRevision }) => {
      const address = key.slice(PREFIX.length)
      const { renewTime }: PeerLease = JSON.parse(value)
      if (addresses.includes(address) || now - renewTime < LIFETIME_MS) return [address]
      await store.delete(key, modRevision) // or its server has just renewed it
      return []
    }),
  )
  return live.flat().sort()
}

async function renew(store: Store, address: string, now: number): Promise<void> {
  const key = `${PREFIX}${address}`
  const value = JSON.stringify({ renewTime: now } satisfies PeerLease)
  const held = await store.get(key)
  await (held ? store.update(key, held.modRevision, value) : store.create(key, value))
}

/** The server stops: nobody need try its addresses any more. */
export async function dropPeerLeases(store: Store, addresses: readonly string[]): Promise<void> {
  for (const address of addresses) {
    const held = await store.get(`${PREFIX}${address}`)
    if (held) await store.delete(held.key, held.modRevision)
  }
}
