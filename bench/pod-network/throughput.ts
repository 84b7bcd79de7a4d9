import type { Netns } from '#kernel/netns/netns.ts'
import { createBackend } from '#pod-network/flannel/create-backend.ts'
import { createCluster } from '#pod-network/testing/cluster.ts'
import { ping } from '#pod-network/testing/who-am-i.ts'
import { createLab, type Lab } from '#testing/netns.ts'
import { waitFor } from '#testing/wait-for.ts'
import { busySeconds } from '../support/cpu.ts'
import type { Measurement } from '../support/report.ts'
import {
  compileRelay,
  createHandMade,
  HAND_MADE_VXLAN,
  nodeAddress,
  podAddress,
  SOCAT_RELAY,
  type Tunnel,
} from './hand-made.ts'

const FLOW_SECONDS = 1
/** What is compared with a target is measured so often, and what is there to know the machine by a third of that: a minute in all. */
const MOST_ROUNDS = 9
const ROUNDS_FOR_OTHERS = 3
/** "The same" means: no more than this beside noise. */
const SAME = 1.05

const VXLAN = 'vxlan by hand'
const RELAY = 'relay in C'
const COMPARED = ['vxlan', VXLAN, 'udp', RELAY]

/** From a client to an iperf3 that listens at an address. */
interface Path {
  readonly name: string
  readonly lab: Lab
  readonly client: Netns
  readonly server: string
}

interface Sample {
  readonly gigabitsPerSecond: number
  /** Of all CPUs, whoever it was. */
  readonly cpuSecondsPerGB: number
}

/**
 * One TCP flow through each backend, beside what it is made of: the wire between the nodes, a bridge of one node, a vxlan by hand and a
 * relay in C. In turn, so that what happens to the machine happens to all.
 */
export async function measureThroughput(
  rounds: number,
  progress: (what: string) => void,
): Promise<readonly Measurement[]> {
  await using stack = new AsyncDisposableStack()
  const paths: Path[] = []
  const open = async (lab: Lab, name: string, client: Netns, server: Netns, address: string) => {
    await waitFor(() => ping(lab, client, address).status === 0, { what: name, timeoutMs: 20_000 })
    await lab.spawn(server, ['iperf3', '-s', '--forceflush']).outputs('listening', 10_000)
    paths.push({ name, lab, client, server: address })
  }
  const folder = stack.use(createLab()).folder
  const relay = compileRelay(folder)
  if (!relay) progress(`no C compiler: ${RELAY} is socat, not a relay as flanneld's`)
  const handMade: readonly (readonly [string, Tunnel])[] = [
    [VXLAN, HAND_MADE_VXLAN],
    [RELAY, relay ?? SOCAT_RELAY],
  ]
  for (const [name, tunnel] of handMade) {
    const lab = stack.use(createLab())
    const { nodes, pods } = await createHandMade(lab, tunnel)
    if (paths.length === 0) await open(lab, 'node to node', ...nodes, nodeAddress(2))
    await open(lab, name, ...pods, podAddress(2))
  }
  for (const type of ['vxlan', 'host-gw', 'udp']) {
    const lab = stack.use(createLab())
    const backend = () => createBackend({ type, options: {} })
    const cluster = stack.use(await createCluster(lab, 2, { backend }))
    const [a, b] = [await cluster.addPod(1, 'a'), await cluster.addPod(2, 'b')]
    await open(lab, type, a.netns, b.netns, b.address)
    if (type !== 'vxlan') continue
    const c = await cluster.addPod(1, 'c')
    await open(lab, 'pods of one node', a.netns, c.netns, c.address)
  }
  const samples = new Map(paths.map((path) => [path.name, [] as Sample[]]))
  for (let round = 0; round < Math.min(rounds, MOST_ROUNDS); round++) {
    progress(`throughput, round ${round + 1}`)
    const isForAll = round < ROUNDS_FOR_OTHERS
    const now = paths.filter(({ name }) => isForAll || COMPARED.includes(name))
    for (let i = 0; i < now.length; i++) {
      const path = now[(i + round) % now.length]!
      samples.get(path.name)!.push(sendFlow(path))
    }
  }
  return summarize(samples)
}

function sendFlow({ name, lab, client, server }: Path): Sample {
  const before = busySeconds()
  const argv = ['iperf3', '-J', '-t', `${FLOW_SECONDS}`, '-c', server]
  const { status, stdout } = lab.exec(client, argv, { timeoutMs: 30_000 })
  if (status !== 0) throw new Error(`Cannot measure ${name}: ${stdout}`)
  const { bytes, bits_per_second } = JSON.parse(stdout).end.sum_received
  return {
    gigabitsPerSecond: bits_per_second / 1e9,
    cpuSecondsPerGB: (busySeconds() - before) / (bytes / 1e9),
  }
}

function summarize(samples: ReadonlyMap<string, readonly Sample[]>): readonly Measurement[] {
  const of = (name: string, key: keyof Sample) => samples.get(name)!.map((sample) => sample[key])
  const ratio = (name: string, other: string, key: keyof Sample) =>
    of(name, key).map((value, round) => value / of(other, key)[round]!)
  return [
    ...[...samples.keys()].flatMap((name): Measurement[] => [
      {
        name: `one flow, ${name}: throughput`,
        unit: 'Gbit/s',
        values: of(name, 'gigabitsPerSecond'),
      },
      {
        name: `one flow, ${name}: CPU`,
        unit: 's per GB',
        values: of(name, 'cpuSecondsPerGB'),
      },
    ]),
    {
      name: 'one flow, vxlan / by hand: CPU per GB',
      unit: '',
      values: ratio('vxlan', VXLAN, 'cpuSecondsPerGB'),
      atMost: SAME,
    },
    {
      name: 'one flow, udp / relay in C: throughput',
      unit: '',
      values: ratio('udp', RELAY, 'gigabitsPerSecond'),
      atLeast: 1,
    },
    {
      name: 'one flow, udp / relay in C: CPU per GB',
      unit: '',
      values: ratio('udp', RELAY, 'cpuSecondsPerGB'),
    },
  ]
}
