import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as delay } from 'node:timers/promises'
import type { TestEtcd } from '../e2e/support/etcd.ts'
import { randomFrom, type SoakOptions } from './soak-options.ts'
import { createIdentities, type ServerProcess, startServer } from './storage/api-server.ts'
import { type Client, createClient } from './storage/client.ts'
import { createDisk, type Disk } from './storage/disk.ts'
import { Ledger } from './storage/ledger.ts'
import { follow, makeMark, readAll, write } from './storage/load.ts'

export const rounds = 500

const WRITERS = 16
/** How many writes a server has acknowledged at most when its end comes, and the longest that it lives. */
const MOST_WRITES = 300
const MOST_MS = 10_000
/** How long it lives on at most after these. */
const MOST_MORE_MS = 20
/** How long the clients read on after a loss of power: what was sent before it counts. */
const TO_READ_MS = 10
const STATE = 'state.db'
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
  const folder = mkdtempSync(join(tmpdir(), 'fairlead-soak-'))
  const disk = end === 'power loss' ? createDisk(folder) : undefined
  const identities = await createIdentities()
  const path = join(disk?.folder ?? folder, STATE)
  const store = etcd
    ? ({ kind: 'etcd', prefix: `/soak/${seed}`, ...accessOf(etcd) } as const)
    : ({ kind: 'sqlite', path, synchronous: durability } as const)
  const play: Play = {
    start: () => startServer(folder, identities, store),
    connect: ({ port }) => createClient(port, identities),
    ledger: new Ledger(),
    random: randomFrom(seed),
    disk,
    etcd,
  }
  try {
    for (let round = 1; round <= rounds; round++) {
      const name = `seed ${seed} round ${round}`
      const { before, after } = await playRound(play, round).catch((cause: Error) => {
        throw new Error(`${name}: ${cause.message}`, { cause })
      })
      log(
        `${name}: ${end} after ${before} acknowledged writes, ${after} more read after it, ${play.ledger.uncertain} unanswered so far`,
      )
    }
  } finally {
    disk?.[Symbol.dispose]()
    rmSync(folder, { recursive: true, force: true })
  }
}

/** What goes on from round to round. */
interface Play {
  readonly start: () => Promise<ServerProcess>
  readonly connect: (server: ServerProcess) => Client
  readonly ledger: Ledger
  readonly random: () => number
  readonly disk: Disk | undefined
  readonly etcd: TestEtcd | undefined
}

/** One life, its end, and what the next one shows. @returns How many answers were read before and after the end began */
async function playRound(play: Play, round: number): Promise<{ before: number; after: number }> {
  const { start, connect, ledger, random, disk, etcd } = play
  await using server = await start()
  using client = connect(server)
  const from = ledger.lastSeen || (await readAll(client)).revision
  const writes = Math.floor(random() * MOST_WRITES)
  const atStart = ledger.acknowledged
  const stop = new AbortController()
  const writing = Array.from({ length: WRITERS }, (_, i) =>
    write(i, client, ledger, random, stop.signal),
  )
  const working = Promise.all([...writing, follow(client, ledger, from)])
  let failed = false
  working.catch(() => {
    failed = true
  })
  const until = performance.now() + MOST_MS
  const member = round % 3
  const loss = etcd && delay(random() * 200).then(() => etcd.kill(member))
  while (!failed && ledger.acknowledged - atStart < writes && performance.now() < until)
    await delay(1)
  await loss
  // At any moment, also while a write is on its way to the disk, and not only when one has just been answered.
  await delay(random() * MOST_MORE_MS)
  ledger.endBegins()
  const atEnd = ledger.acknowledged
  if (disk) await losePower(server, disk)
  await server.kill()
  stop.abort()
  client.close()
  await working
  const after = ledger.acknowledged - atEnd
  disk?.comeBack()
  etcd?.start(member)
  await verify(play)
  if (disk && round % 2 === 1) emptyLog(join(disk.folder, STATE))
  return { before: atEnd - atStart, after }
}

/** The machine stands still before its disk does: without power nobody acknowledges what a dying disk calls written. */
async function losePower(server: ServerProcess, disk: Disk): Promise<void> {
  server.stop()
  disk.losePower()
  await delay(TO_READ_MS)
}

/**
 * Moves what SQLite's log (`-wal`) holds into the database, and removes it: the next life makes a new one, whose name and
 * blocks the disk must learn of too. One that is there already is written over in place.
 */
function emptyLog(path: string): void {
  const database = new DatabaseSync(path)
  database.exec('SELECT count(*) FROM revisions')
  database.close()
  if (existsSync(`${path}-wal`)) throw new Error(`${path}-wal is there after the last close`)
}

async function verify({ start, connect, ledger }: Play): Promise<void> {
  await using server = await start()
  using client = connect(server)
  const { listed, revision } = await readAll(client)
  await catchUp(client, ledger)
  ledger.check(listed, revision)
  await server.kill()
}

/** Follows until an object is told of that is made now, after all others. */
async function catchUp(client: Client, ledger: Ledger): Promise<void> {
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

/** What another process can be told of it. */
const accessOf = ({ access: { endpoints, tls } }: TestEtcd) => ({ endpoints, ...(tls && { tls }) })
