import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { createRandom } from '#apiserver/testing/hostile-requests.ts'
import type { Memory } from '#apiserver/testing/serve.ts'
import { HostileClient, show } from './hostile-input/hostile-client.ts'
import type { SoakOptions } from './soak-options.ts'
import { createIdentities, type ServerProcess, startServer } from './storage/api-server.ts'

export const rounds = 100_000

/** Bombs and attacks are played once for as many spoilt requests, and twice at least: what grows with each play is seen. */
const REQUESTS_A_PLAY = 20_000
/** Until what is not held has been given back: a second by the reader of YAML, eight by V8, which keeps pages of a thread that has ended. */
const REST_MS = 12_000
/**
 * Compared at rest and after a garbage collection: when the server has warmed up, after a tenth of the requests, and after each play.
 * What a bomb has left to be collected, and what the reader of YAML has room for while it waits for more, is no growth.
 */
const MAX_GROWTH_MB = 150
/**
 * Of what is reachable: it does not depend on what the allocators keep. The store holds the newest 8 MiB of changes for watches, which the first
 * bombs fill, and caches of field sets and selectors fill too: storage/history.ts, api/cache.ts.
 */
const MAX_HEAP_GROWTH_MB = 16

/** Spoilt requests, bombs and broken framing against a server process: exact answers, no growth, no long stall. */
export async function soak({ seed, rounds, log }: SoakOptions): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'fairlead-soak-'))
  const identities = await createIdentities()
  try {
    await using server = await startServer(folder, identities, {
      kind: 'sqlite',
      path: join(folder, 'state.db'),
    })
    using client = new HostileClient(server, identities, log)
    const random = createRandom(seed)
    await client.createTargets()
    const warmUp = Math.ceil(rounds / 10)
    await client.sendSpoilt(random, 1, warmUp)
    const early = await measureAtRest(server)
    log(`after ${warmUp} requests: ${describe(early)}`)
    const plays = Math.max(2, Math.ceil(rounds / REQUESTS_A_PLAY))
    let from = warmUp + 1
    for (let play = 1; play <= plays; play++) {
      const to = Math.round(warmUp + ((rounds - warmUp) * play) / plays)
      await server.takeLoopDelay()
      await client.sendSpoilt(random, from, to)
      log(`requests ${from} to ${to}: event loop ${show(await server.takeLoopDelay())} at most`)
      from = to + 1
      await client.playBombs()
      await client.playAttacks(Math.ceil(rounds / 200 / plays), random.next)
      const late = await measureAtRest(server)
      log(`play ${play}: ${describe(late)}`)
      checkGrowth(early, late)
    }
    log(client.listAnswers())
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

async function measureAtRest(server: ServerProcess): Promise<Memory> {
  await delay(REST_MS)
  return server.measureMemory()
}

const describe = ({ heap, resident }: Memory) =>
  `${heap.toFixed(1)} MB reachable, ${Math.round(resident)} MB resident at rest`

function checkGrowth(early: Memory, late: Memory): void {
  const hasGrown =
    late.resident - early.resident > MAX_GROWTH_MB || late.heap - early.heap > MAX_HEAP_GROWTH_MB
  if (hasGrown) throw new Error(`The server grew from ${describe(early)} to ${describe(late)}`)
}
