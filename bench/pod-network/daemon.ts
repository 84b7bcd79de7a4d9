import { setTimeout as delay } from 'node:timers/promises'
import { createLab } from '#testing/netns.ts'
import { cpuMs, residentMB } from '../support/process.ts'
import type { Measurement } from '../support/report.ts'
import { createWire, untilEntries } from './wire.ts'

const PEERS = 1000
const MOST_DAEMONS = 3
/** Young heaps calm down. */
const SETTLE_MS = 5000
const WATCH_MS = 10_000
/** Each node's status is new every five minutes, though nothing is (kubelet's nodeStatusReportFrequency). */
const HEARTBEAT_MS = 300_000 / PEERS

interface Sample {
  readonly memory: number
  readonly idle: number
  readonly heartbeats: number
}

/** What the daemon holds, and its CPU while nothing happens and while its peers' kubelets report: alone, and with 1,000 peers. */
export async function measureDaemon(
  rounds: number,
  progress: (what: string) => void,
): Promise<readonly Measurement[]> {
  const count = Math.min(rounds, MOST_DAEMONS)
  progress(`fairlead pod-network, ${count} times with 1 peer and ${count} times with ${PEERS}`)
  // All at once: what a process holds and uses does not depend on the others, and waiting is most of it.
  const results = await Promise.all([
    Promise.all(Array.from({ length: count }, async () => (await measure(1, 1))[0]!)),
    measure(PEERS, count),
  ])
  return [1, PEERS].flatMap((peers, i): Measurement[] => {
    const samples = results[i]!
    const what = `pod network process, ${peers} peers`
    const of = (key: keyof Sample) => samples.map((sample) => sample[key])
    return [
      { name: `${what}: resident memory`, unit: 'MB', values: of('memory') },
      { name: `${what}: CPU, idle`, unit: '% of a core', values: of('idle') },
      {
        name: `${what}: CPU, ${(1000 / HEARTBEAT_MS).toFixed(1)} node reports a second`,
        unit: '% of a core',
        values: of('heartbeats'),
      },
    ]
  })
}

/** So many daemons, each on a node of its own, of a network of `peers` + 1 nodes. */
async function measure(peers: number, daemons: number): Promise<readonly Sample[]> {
  using lab = createLab()
  const wire = await createWire(lab, peers + 1)
  const running = Array.from({ length: daemons }, (_, i) => {
    const netns = wire.plug(i + 1)
    return { netns, pid: wire.startDaemon(i + 1, netns).pid }
  })
  for (const { netns } of running) await untilEntries(() => wire.countEntries(netns), peers, 0)
  await delay(SETTLE_MS)
  const memory = running.map(({ pid }) => residentMB(pid))
  const shares = async (work: () => Promise<void>) => {
    const before = running.map(({ pid }) => cpuMs(pid))
    const at = performance.now()
    await work()
    const elapsed = performance.now() - at
    return running.map(({ pid }, i) => ((cpuMs(pid) - before[i]!) / elapsed) * 100)
  }
  const idle = await shares(() => delay(WATCH_MS))
  const heartbeats = await shares(async () => {
    for (let i = 0; i < WATCH_MS / HEARTBEAT_MS; i++) {
      wire.server.child.stdin?.write(`heartbeat ${peers + 1 - (i % peers)}\n`)
      await delay(HEARTBEAT_MS)
    }
  })
  return running.map((_, i) => ({
    ...{ memory: memory[i]!, idle: idle[i]!, heartbeats: heartbeats[i]! },
  }))
}
