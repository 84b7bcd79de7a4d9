import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { formatCIDR } from '#ip/cidr.ts'
import type { Netns } from '#kernel/netns/netns.ts'
import type { LabProcess } from '#testing/lab-process.ts'
import { createLab, type Lab } from '#testing/netns.ts'
import { cpuMs, residentMB } from '../support/process.ts'
import type { Measurement } from '../support/report.ts'
import { NO_IPVS } from './ipvs.ts'
import { POD_CIDR } from './services.ts'

const root = join(import.meta.dirname, '../..')
const LAUNCHER = join(root, 'bin/fairlead-node')
const FILL_MS = 180_000
const LOAD_MS = 120_000
/** Young heaps calm down. */
const SETTLE_MS = 5000
const WATCH_MS = 10_000
const CHANGES_A_SECOND = 10
const LOADED = 'Replaced all rules'
/** Near its target, it takes so many. */
const STARTS = 15
/** Else a start would also take away what the one before left. */
const CLEAR = `nft flush ruleset
for table in nat filter mangle raw; do iptables-legacy -t $table -F; iptables-legacy -t $table -X; done`

interface Sample {
  readonly load: number
  readonly memory: number
  readonly idle: number
  readonly busy: number
}

/**
 * The whole program beside an API server: from its start to rules in the kernel, what it holds, and its CPU while nothing happens and while
 * 10 endpoints change a second.
 */
export async function measureProcess(
  size: number,
  endpoints: number,
  rounds: number,
  progress: (what: string) => void,
): Promise<readonly Measurement[]> {
  using lab = createLab()
  const node = lab.netns('node')
  progress(`an API server with ${size} Services of ${endpoints} endpoints`)
  const script = join(import.meta.dirname, 'api-server.ts')
  const server = lab.spawn(node, [LAUNCHER, script, lab.folder, `${size}`, `${endpoints}`])
  await server.outputs('ready', FILL_MS)
  const measurements: Measurement[] = []
  for (const [mode, n] of [
    ['nftables', rounds],
    ['iptables', 1],
    ['userspace', 1],
  ] as const) {
    const samples: Sample[] = []
    for (let round = 0; round < n; round++) {
      progress(`fairlead proxy, ${mode}, round ${round + 1} of ${n}`)
      samples.push(await measureOnce(lab, node, server, mode))
    }
    // The target is that of two endpoints each.
    const isTimed = mode === 'nftables' && endpoints <= 2
    const loads = samples.map(({ load }) => load)
    while (isTimed && loads.length < STARTS) {
      progress(`fairlead proxy, ${mode}, start ${loads.length + 1} of ${STARTS}`)
      using started = await start(lab, node, mode)
      loads.push(started.load)
    }
    const what = `proxy process, ${mode}, ${size} Services × ${endpoints} endpoints`
    const of = (key: keyof Sample) => samples.map((sample) => sample[key])
    const target = (atMost: number) => (mode === 'nftables' ? { atMost } : {})
    measurements.push(
      {
        name: `${what}: start to rules in the kernel`,
        unit: 's',
        values: loads,
        ...(isTimed && target(0.5)),
      },
      { name: `${what}: resident memory`, unit: 'MB', values: of('memory'), ...target(150) },
      { name: `${what}: CPU, idle`, unit: '% of a core', values: of('idle'), ...target(1) },
      {
        name: `${what}: CPU, 10 changes a second`,
        unit: '% of a core',
        values: of('busy'),
        ...target(5),
      },
    )
  }
  const name = `proxy process, ipvs, ${size} Services × ${endpoints} endpoints`
  return [...measurements, { name, unit: '', values: [], reason: NO_IPVS }]
}

interface Started extends Disposable {
  readonly pid: number
  /** Seconds until its rules were in the kernel. */
  readonly load: number
}

async function start(lab: Lab, node: Netns, mode: string): Promise<Started> {
  lab.exec(node, ['sh', '-c', CLEAR])
  const startedAt = Date.now()
  const proxy = lab.spawn(node, [
    ...[LAUNCHER, join(root, 'src/cli/main.ts'), 'proxy', `--proxy-mode=${mode}`],
    ...[`--kubeconfig=${join(lab.folder, 'kubeconfig')}`, '--hostname-override=node1'],
    // The variant that takes seconds, not minutes, at this size.
    ...[`--cluster-cidr=${formatCIDR(POD_CIDR)}`, '--iptables-variant=legacy'],
  ])
  await proxy.outputs(LOADED, LOAD_MS)
  const line = proxy
    .output()
    .split('\n')
    .find((each) => each.includes(LOADED))!
  const load = (Date.parse(line.split(' ')[0]!) - startedAt) / 1000
  return { pid: proxy.pid, load, [Symbol.dispose]: () => proxy[Symbol.dispose]() }
}

async function measureOnce(
  lab: Lab,
  node: Netns,
  server: LabProcess,
  mode: string,
): Promise<Sample> {
  using proxy = await start(lab, node, mode)
  await delay(SETTLE_MS)
  const memory = residentMB(proxy.pid)
  const share = async (work: () => Promise<void>) => {
    const before = cpuMs(proxy.pid)
    const at = performance.now()
    await work()
    return ((cpuMs(proxy.pid) - before) / (performance.now() - at)) * 100
  }
  const idle = await share(() => delay(WATCH_MS))
  const busy = await share(async () => {
    for (let i = 0; i < (WATCH_MS / 1000) * CHANGES_A_SECOND; i++) {
      server.child.stdin?.write('\n')
      await delay(1000 / CHANGES_A_SECOND)
    }
  })
  return { load: proxy.load, memory, idle, busy }
}
