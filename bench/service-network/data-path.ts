import { join } from 'node:path'
import { formatCIDR } from '#ip/cidr.ts'
import type { Netns } from '#kernel/netns/netns.ts'
import { writeSysctl } from '#kernel/sysctl/sysctl.ts'
import { createLab, type Lab } from '#testing/netns.ts'
import { type Measurement, median } from '../support/report.ts'
import { fill, LAYOUTS, type Layout } from './rules.ts'
import { clusterIPOf, PORT, SERVICE_CIDR, sliceOf, TARGET_PORT } from './services.ts'

const LAUNCHER = join(import.meta.dirname, '../../bin/fairlead-node')
const script = (name: string) => join(import.meta.dirname, name)
const SERVER = '10.254.0.2'
const CONNECTIONS = 300
const IPERF_SECONDS = 2

interface Path {
  readonly lab: Lab
  readonly client: Netns
  readonly node: Netns
  readonly server: Netns
}

/** A client, a node, a server: the smallest network in which a Service is used from another network. */
function createPath(): Path {
  const lab = createLab()
  const [client, node, server] = ['client', 'node', 'server'].map((name) => lab.netns(name)) as [
    Netns,
    Netns,
    Netns,
  ]
  lab.connect(
    { netns: client, device: 'eth0', address: '10.253.0.2/24' },
    { netns: node, device: 'in', address: '10.253.0.1/24' },
  )
  lab.connect(
    { netns: server, device: 'eth0', address: `${SERVER}/24` },
    { netns: node, device: 'out', address: '10.254.0.1/24' },
  )
  writeSysctl('net.ipv4.ip_forward', 1, node)
  const route = (netns: Netns, to: string, via: string) => {
    const { status, stderr } = lab.exec(netns, ['ip', 'route', 'add', to, 'via', via])
    if (status !== 0) throw new Error(`Cannot lay the path: ${stderr}`)
  }
  route(client, formatCIDR(SERVICE_CIDR), '10.253.0.1')
  route(client, '10.254.0.0/24', '10.253.0.1')
  route(server, '10.253.0.0/24', '10.254.0.1')
  return { lab, client, node, server }
}

/** What a connection to the first and the last Service costs beside one to the server itself, with connection tracking in all of them. */
export async function measureConnections(
  sizes: readonly number[],
  rounds: number,
  progress: (what: string) => void,
): Promise<readonly Measurement[]> {
  const measurements: Measurement[] = []
  for (const size of sizes)
    for (const layout of LAYOUTS.filter(({ atMost = Infinity }) => size <= atMost)) {
      progress(`connections, ${size} Services, ${layout.name}`)
      measurements.push(...(await measureLayout(size, layout, rounds)))
    }
  return measurements
}

async function measureLayout(
  size: number,
  layout: Layout,
  rounds: number,
): Promise<readonly Measurement[]> {
  const path = createPath()
  using lab = path.lab
  await using rules = await layout.open(path.node)
  const index = fill(size, 1)
  for (const each of [0, size - 1]) index.setSlice(sliceOf(each, 1, 0, [SERVER]))
  await rules.load(index.model())
  await lab
    .spawn(path.server, [LAUNCHER, script('accept.ts'), `${TARGET_PORT}`])
    .outputs('ready', 20_000)
  const targets = [
    `direct=${SERVER}:${TARGET_PORT}`,
    `first=${clusterIPOf(0)}:${PORT}`,
    `last=${clusterIPOf(size - 1)}:${PORT}`,
  ]
  const argv = [LAUNCHER, script('connects.ts'), `${rounds}`, `${CONNECTIONS}`, ...targets]
  const { status, stdout, stderr } = lab.exec(path.client, argv, { timeoutMs: 300_000 })
  if (status !== 0) throw new Error(`Cannot measure connections: ${stderr}`)
  const times = JSON.parse(stdout) as readonly Record<
    'direct' | 'first' | 'last',
    readonly number[]
  >[]
  const p50 = (name: 'direct' | 'first' | 'last') => times.map((round) => median(round[name]))
  const p99 = (name: 'direct' | 'first' | 'last') =>
    times.map((round) => percentile(round[name], 0.99))
  const what = `connect, ${size} Services, ${layout.name}`
  const ratio = p50('last').map((value, round) => value / p50('direct')[round]!)
  return [
    ...(['direct', 'first', 'last'] as const).flatMap((target) => [
      { name: `${what}: ${target} p50`, unit: 'µs', values: p50(target) },
      { name: `${what}: ${target} p99`, unit: 'µs', values: p99(target) },
    ]),
    {
      name: `${what}: last / direct`,
      unit: '',
      values: ratio,
      ...(layout.name === 'nftables' && { atMost: 1.3 }),
    },
  ]
}

function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!
}

/** One flow to the last Service beside one to the server itself, in turn. */
export async function measureThroughput(
  size: number,
  rounds: number,
): Promise<readonly Measurement[]> {
  const path = createPath()
  using lab = path.lab
  await using rules = await LAYOUTS[0]!.open(path.node)
  const index = fill(size, 1)
  const slice = sliceOf(size - 1, 1, 0, [SERVER])
  index.setSlice({ ...slice, ports: [{ name: '', protocol: 'TCP', port: 5201 }] })
  await rules.load(index.model())
  await lab.spawn(path.server, ['iperf3', '-s', '--forceflush']).outputs('listening', 10_000)
  const flow = (...target: readonly string[]): number => {
    const argv = ['iperf3', '-J', '-t', `${IPERF_SECONDS}`, '-c', ...target]
    const { status, stdout } = lab.exec(path.client, argv, { timeoutMs: 30_000 })
    if (status !== 0) throw new Error(`Cannot measure throughput: ${stdout}`)
    return JSON.parse(stdout).end.sum_received.bits_per_second / 1e9
  }
  const direct: number[] = []
  const service: number[] = []
  for (let round = 0; round < rounds; round++) {
    direct.push(flow(SERVER))
    service.push(flow(clusterIPOf(size - 1), '-p', `${PORT}`))
  }
  return [
    { name: 'throughput, one flow, direct', unit: 'Gbit/s', values: direct },
    {
      name: `throughput, one flow, last of ${size} Services, nftables`,
      unit: 'Gbit/s',
      values: service,
    },
  ]
}
