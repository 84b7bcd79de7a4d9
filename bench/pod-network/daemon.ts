import { setTimeout as delay } from 'node:timers/promises'
import { createLab } from '#testing/netns.ts'
import { cpuMs, residentMB } from '../support/process.ts'
import type { Measurement } from '../support/report.ts'
import { createWire, untilEntries } from './wire.ts'

const PEERS = 1000
/** Young heaps calm down. */
const SETTLE_MS = 5000
const WATCH_MS = 15_000
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
  const measurements: Measurement[] = []
  for (const peers of [1, PEERS]) {
    const samples: Sample[] = []
    for (let round = 0; round < Math.min(rounds, 3); round++) {
      progress(`fairlead pod-network with ${peers} peers, round ${round + 1}`)
      samples.push(await measureOnce(peers))
    }
    const what = `pod network process, ${peers} peers`
    const of = (key: keyof Sample) => samples.map((sample) => sample[key])
    measurements.push(
      { name: `${what}: resident memory`, unit: 'MB', values: of('memory') },
      { name: `${what}: CPU, idle`, unit: '% of a core', values: of('idle') },
      {
        name: `${what}: CPU, ${(1000 / HEARTBEAT_MS).toFixed(1)} node reports a second`,
        unit: '% of a core',
        values: of('heartbeats'),
      },
    )
  }
  return measurements
}

async function measureOnce(peers: number): Promise<Sample> {
  using lab = createLab()
  const wire = await createWire(lab, peers + 1)
  const netns = wire.plug(1)
  const daemon = wire.startDaemon(1, netns)
  await untilEntries(() => wire.countEntries(netns), peers, 0)
  await delay(SETTLE_MS)
  const memory = residentMB(daemon.pid)
  const share = async (work: () => Promise<void>) => {
    const before = cpuMs(daemon.pid)
    const at = performance.now()
    await work()
    return ((cpuMs(daemon.pid) - before) / (performance.now() - at)) * 100
  }
  const idle = await share(() => delay(WATCH_MS))
  const heartbeats = await share(async () => {
    for (let i = 0; i < WATCH_MS / HEARTBEAT_MS; i++) {
      wire.server.child.stdin?.write(`heartbeat ${(i % peers) + 2}\n`)
      await delay(HEARTBEAT_MS)
    }
  })
  return { memory, idle, heartbeats }
}
