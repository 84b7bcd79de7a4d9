import type { IP } from '#ip/ip.ts'

export interface Target {
  readonly ip: IP
  readonly port: number
}

/** Chooses the endpoints of one port in turn, and knows clients that shall come back to theirs. */
export interface Balancer {
  /**
   * The endpoint for a client's next connection. `failed`: the one that the client was given did not answer, so the next one takes its place.
   * `undefined` where there is none.
   */
  next(client: string, options?: { readonly failed?: boolean }): Target | undefined
  /** Affinity to endpoints that are gone is forgotten. @param affinitySeconds since a client's last connection; absent: no affinity */
  update(targets: readonly Target[], affinitySeconds?: number): void
  has(target: Target): boolean
}

interface Affinity {
  target: Target
  lastUsedMs: number
}

/** One client is one entry: as many as the nftables mode's set has room for. */
const MAX_CLIENTS = 65_535

/**
 * @param clock milliseconds that never go back
 * @param shuffle the order of the turns, so that not all nodes begin with the same endpoint
 */
export function createBalancer(
  clock: () => number = () => performance.now(),
  shuffle: <T>(values: readonly T[]) => readonly T[] = shuffleByChance,
): Balancer {
  let targets: readonly Target[] = []
  let keys = new Set<string>()
  let turn = 0
  let affinityMs: number | undefined
  const clients = new Map<string, Affinity>()

  function remember(client: string, target: Target): void {
    // Anew, so that the map is in the order of use and the first one is the one to forget.
    clients.delete(client)
    clients.set(client, { target, lastUsedMs: clock() })
    for (const [oldest, { lastUsedMs }] of clients) {
      if (clients.size <= MAX_CLIENTS && clock() - lastUsedMs < (affinityMs ?? 0)) break
      clients.delete(oldest)
    }
  }

  return {
    next(client, { failed = false } = {}) {
      if (targets.length === 0) return
      const known = affinityMs === undefined ? undefined : clients.get(client)
      const isCurrent = known && !failed && clock() - known.lastUsedMs < affinityMs!
      const target = isCurrent ? known.target : targets[turn++ % targets.length]!
      if (affinityMs !== undefined) remember(client, target)
      return target
    },
    update(wanted, affinitySeconds) {
      affinityMs = affinitySeconds === undefined ? undefined : affinitySeconds * 1000
      if (affinityMs === undefined) clients.clear()
      const wantedKeys = new Set(wanted.map(keyOf))
      if (wantedKeys.size === keys.size && wantedKeys.isSubsetOf(keys)) return
      keys = wantedKeys
      targets = shuffle(wanted)
      turn = 0
      for (const [client, { target }] of clients) {
        if (!keys.has(keyOf(target))) clients.delete(client)
      }
    },
    has: (target) => keys.has(keyOf(target)),
  }
}

export function keyOf({ ip, port }: Target): string {
  return `${ip} ${port}`
}

/** Fisher and Yates. */
function shuffleByChance<T>(values: readonly T[]): readonly T[] {
  const shuffled = [...values]
  for (let i = shuffled.length - 1; i > 0; i--) {
    const other = Math.floor(Math.random() * (i + 1))
    ;[shuffled[i], shuffled[other]] = [shuffled[other]!, shuffled[i]!]
  }
  return shuffled
}
