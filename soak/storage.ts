import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { TestEtcd } from '../e2e/support/etcd.ts'
import { randomFrom, type SoakOptions } from './soak-options.ts'
import { createIdentities, startServer } from './storage/api-server.ts'
import { type Client, createClient } from './storage/client.ts'
import { createDisk, type Disk } from './storage/disk.ts'
import { Ledger } from './storage/ledger.ts'
import { follow, makeMark, readAll, write } from './storage/load.ts'

export const rounds = 500

const WRITERS = 16
/** How many writes a server has acknowledged at most when its end comes, and the longest that it lives. */
const MOST_WRITES = 300
const MOST_MS = 10_000
const PATIENCE_MS = 20_000

export interface StorageSoakOptions extends SoakOptions {
  readonly durability?: 'NORMAL' | 'FULL'
  /** What ends a life: the process is killed, or the disk it writes to loses power. */
  readonly end?: 'kill' | 'power loss'
  /** Three members hold the state instead of SQLite, and one of them, in turns, is killed in the middle of a life too. */
  readonly etcd?: TestEtcd
}

/**
 * Kills an API server over SQLite at a random moment under write load, starts it again on what is left, and compares
 * what it shows, and what a watch that goes on from round to round has told, with what was acknowledged.
 * @throws Error that says which write or event is lost, doubled or out of order
 */
export async function soak({
  seed,
  rounds,
  log,
  durability = 'NORMAL',
  end = 'kill',
  etcd,
}: StorageSoakOptions): Promise<void> {
  const random = randomFrom(seed)
  const folder = mkdtempSync(join(tmpdir(), 'fairlead-soak-'))
  const disk: Disk | undefined = end === 'power loss' ? createDisk(folder) : undefined
  const identities = await createIdentities()
  const path = join(disk?.folder ?? folder, 'state.db')
  const store = etcd
    ? ({ kind: 'etcd', prefix: `/soak/${seed}`, ...accessOf(etcd) } as const)
    : ({ kind: 'sqlite', path, synchronous: durability } as const)
  const start = () => startServer(folder, identities, store)
  const ledger = new Ledger()
  try {
    let from = 0
    for (let round = 1; round <= rounds; round++) {
      await using server = await start()
      using client = createClient(server.port, identities)
      if (from === 0) from = (await readAll(client)).revision
      const writes = Math.floor(random() * MOST_WRITES)
      const before = ledger.acknowledged
      const stop = new AbortController()
      const following = follow(client, ledger, from)
      const writing = Array.from({ length: WRITERS }, (_, i) =>
        write(i, client, ledger, random, stop.signal),
      )
      const until = performance.now() + MOST_MS
      const member = round % 3
      const loss = etcd && delay(random() * 200).then(() => etcd.kill(member))
      while (ledger.acknowledged - before < writes && performance.now() < until)
        await Promise.race([delay(1), ...writing, following])
      await loss
      ledger.endBegins()
      const beforeEnd = ledger.acknowledged
      disk?.losePower()
      await server.kill()
      stop.abort()
      client.close()
      await Promise.all([...writing, following])
      disk?.comeBack()
      etcd?.start(member)
      await verify().catch((cause: Error) => {
        throw new Error(`round ${round} of seed ${seed}: ${cause.message}`, { cause })
      })
      log(
        `seed ${seed} round ${round}: ${end} after ${beforeEnd - before} acknowledged writes, ${ledger.acknowledged - beforeEnd} read after it, ${ledger.uncertain} unanswered so far`,
      )
    }
  } finally {
    disk?.[Symbol.dispose]()
    rmSync(folder, { recursive: true, force: true })
  }

  async function verify(): Promise<void> {
    await using server = await start()
    using client = createClient(server.port, identities)
    const { listed, revision } = await readAll(client)
    await catchUp(client)
    ledger.check(listed, revision)
    await server.kill()
  }

  /** Follows until an object is told of that is made now, after all others. */
  async function catchUp(client: Client): Promise<void> {
    const revision = await makeMark(client)
    const following = follow(client, ledger, 1)
    following.catch(() => {})
    const deadline = performance.now() + PATIENCE_MS
    while (ledger.lastSeen < revision) {
      if (performance.now() > deadline)
        throw new Error(`the watch did not tell of revision ${revision}`)
      await Promise.race([delay(2), following])
    }
    client.close()
    await following
  }
}

/** What another process can be told of it. */
const accessOf = ({ access: { endpoints, tls } }: TestEtcd) => ({ endpoints, ...(tls && { tls }) })
